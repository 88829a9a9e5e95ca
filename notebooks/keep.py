"""Settings for nbconvert: run a page from the top and keep it, in place, with its outputs."""

c = get_config()  # noqa: F821 - Jupyter's
c.NbConvertApp.export_format = "notebook"
c.NbConvertApp.use_output_suffix = False
c.NbConvertApp.output_base = "{notebook_name}"
c.ExecutePreprocessor.enabled = True
c.ExecutePreprocessor.record_timing = False
c.CoalesceStreamsPreprocessor.enabled = True
c.ClearMetadataPreprocessor.enabled = True
c.ClearMetadataPreprocessor.preserve_cell_metadata_mask = {"tags"}
c.ClearMetadataPreprocessor.preserve_nb_metadata_mask = {
    "kernelspec",
    ("language_info", "name"),
}
