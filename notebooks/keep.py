"""Settings for nbconvert: run a page from the top and keep it, in place, with its outputs."""

from nbconvert.preprocessors import CoalesceStreamsPreprocessor, Preprocessor


class WithoutBars(Preprocessor):
    """Progress bars are widgets, which need the kernel that made them: they are not kept."""

    def preprocess_cell(self, cell, resources, index):
        """The cell without its widgets."""
        widget = "application/vnd.jupyter.widget-view+json"
        if cell.cell_type == "code":
            cell.outputs = [out for out in cell.outputs if widget not in out.get("data", {})]
        return cell, resources


c = get_config()  # noqa: F821 - Jupyter's
c.NbConvertApp.export_format = "notebook"
c.NbConvertApp.use_output_suffix = False
c.NbConvertApp.output_base = "{notebook_name}"
c.Exporter.preprocessors = [WithoutBars, CoalesceStreamsPreprocessor]  # in this order
c.ExecutePreprocessor.enabled = True
c.ExecutePreprocessor.record_timing = False
c.ExecutePreprocessor.extra_arguments = ["--IPKernelApp.log_level=ERROR"]
c.CoalesceStreamsPreprocessor.enabled = True
c.ClearMetadataPreprocessor.enabled = True
c.ClearMetadataPreprocessor.preserve_cell_metadata_mask = {"tags"}
c.ClearMetadataPreprocessor.preserve_nb_metadata_mask = {
    "kernelspec",
    ("language_info", "name"),
}
