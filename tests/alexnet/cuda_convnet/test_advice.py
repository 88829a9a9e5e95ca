"""What is said of a pair of files before it is trained."""

from __future__ import annotations

from layer_files import DATA, cost, params_of, section

from alexnet.cuda_convnet import copied_from, late_start, read_sections, remarks

LAYERS = (
    DATA
    + section("conv", type="conv", inputs="data", channels=3, filters=8, filterSize=3, initW=0.1, gpu=0, partialSum=3)
    + section("norm", type="cmrnorm", inputs="conv", channels=8, size=3)
    + section("fc10", type="fc", inputs="norm", outputs=10, initW=0.1)
    + cost("fc10")
)


def said(layers: str, params: str) -> list[str]:
    return remarks(read_sections(layers, "l"), read_sections(params, "p"), "layers.cfg", "params.cfg")


def test_what_means_something_or_changes_nothing_is_passed_over() -> None:
    assert said(LAYERS, params_of(LAYERS)) == []
    more = {"sumWidth": 4, "sharedBiases": 1, "initB": 1, "stride": 1, "padding": 0, "groups": 1, "randSparse": 0}
    conv = section("conv", **more)
    rates = {"wball": 0, "schedW": "default", "schedB": "default", "wcNormMin": 0, "wcNormMax": 0, "quantF": "default"}
    assert said(LAYERS + conv, params_of(LAYERS, conv=rates, logprob={"topk": 5})) == []


def test_each_unknown_or_surplus_key_gets_one_remark() -> None:
    layers = LAYERS + section("conv", shareBiases=1) + section("fc10", filters=3)
    params = params_of(LAYERS, conv={"wcnorm": 0, "quantF": "half"}) + section("conv9", epsW=1)
    assert said(layers, params) == [
        "layers.cfg, [conv]: sharebiases is no key of type=conv, and is ignored",
        "layers.cfg, [fc10]: filters is no key of type=fc, and is ignored",
        "params.cfg, [conv]: wcnorm is no key for type=conv, and is ignored",
        "params.cfg, [conv]: quantf=half: nothing is rounded between devices",
        "params.cfg, [conv9]: there is no such layer, and the section is ignored",
    ]


def test_functions_that_a_file_names_are_not_called() -> None:
    functions = {"initWFunc": "initw.makew(conv1a)", "initBFunc": "initw.makeb(conv1a)", "initCFunc": "os.system(x)"}
    layers = LAYERS + section("conv", **functions) + section("fc10", initWFunc="initw.zero()")
    assert said(layers, params_of(LAYERS)) == [
        f"layers.cfg, [{name}]: {function} names a function, and none is called; {instead} instead"
        for name, function, instead in (
            ("conv", "initwfunc=initw.makew(conv1a)", "initW is taken"),
            ("conv", "initbfunc=initw.makeb(conv1a)", "initB is taken"),
            ("conv", "initcfunc=os.system(x)", "the list is drawn"),
            ("fc10", "initwfunc=initw.zero()", "initW is taken"),
        )
    ]
    asks = {"conv": {"initwfunc": "conv1a", "initbfunc": "conv1a"}}
    assert copied_from(read_sections(layers, "l")) == asks and copied_from({}) == {}
    sections = read_sections(layers, "l"), read_sections(params_of(LAYERS), "p")
    told = remarks(*sections, "layers.cfg", "layer-params.cfg", copied=True)
    assert [line.partition("=")[0] for line in told] == [
        "layers.cfg, [conv]: initcfunc",
        "layers.cfg, [fc10]: initwfunc",
    ]


def test_every_key_asks_for_its_own_kind_of_numbers() -> None:
    mixed = {"initWFunc": "initw.makeb(conv1)", "initBFunc": "initw.makeb(fc3)", "initCFunc": "initw.makec( conv2 )"}
    assert copied_from({"conv": mixed}) == {"conv": {"initbfunc": "fc3", "initcfunc": "conv2"}}


HISTORY = (
    "# on a machine\n# epoch 25: set epsw to 0.001 from 0.01\n; 67: noise\x07 off\n# a result: epoch 1 is # done\n"
)


def late(text: str) -> str:
    return late_start(read_sections(text, "p"), text)


def test_the_end_of_a_run_is_told() -> None:
    start = params_of(LAYERS)
    assert late(start + HISTORY) == ""
    assert late(params_of(LAYERS, conv={"epsW": 0.001}, fc10={"epsW": 0.001})) == ""
    begun = "the parameter file looks like the end of a run, not its start: "
    frozen = late(params_of(LAYERS, conv={"epsW": 0, "epsB": 0}) + HISTORY)
    assert frozen == (
        f"{begun}frozen, with a rate of 0, are the weights of conv; the rates of weights are 0.01; its comments tell: "
        "epoch 25: set epsw to 0.001 from 0.01; 67: noise off; a result: epoch 1 is # done"
    )
    slow = late(params_of(LAYERS, conv={"epsW": 1e-5}, fc10={"epsW": "0.0001,0.00001"}))
    assert slow == f"{begun}the rates of weights are 0.0001 and 1e-05"
    long = late(params_of(LAYERS, conv={"epsW": 0}) + "# epoch\n" * 20)
    assert long.count("epoch") == 12 and long.endswith("; ...")
