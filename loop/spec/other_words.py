"""Words of other planners, and everyday ones, for what a campaign file calls otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from loop.errors import did_you_mean

_OURS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("name", "title", "project", "study"), ("campaign",)),
    **dict.fromkeys(("parameters", "inputs", "variables", "factors", "searchspace", "components"), ("space",)),
    **dict.fromkeys(("objectives", "targets", "outputs", "outcomes", "responses", "metrics"), ("objective",)),
    "target": ("objective", "match"),
    **dict.fromkeys(("lab", "instrument", "robot", "runner", "executor"), ("laboratory",)),
    "backend": ("adapter",),
    **dict.fromkeys(("direction", "mode", "optimize", "optimise", "lowerisbetter", "largerisbetter"), ("goal",)),
    **dict.fromkeys(("min", "minimum"), ("low", "minimize")),
    **dict.fromkeys(("max", "maximum"), ("high", "maximize")),
    **dict.fromkeys(("lower", "lowerbound", "from"), ("low",)),
    **dict.fromkeys(("upper", "upperbound", "to"), ("high",)),
    **dict.fromkeys(("bounds", "limits", "range"), ("low", "high", "number")),
    **dict.fromkeys(("logarithmic", "log10", "ln", "log", "logscale", "transform"), ("log", "scale")),
    **dict.fromkeys(("minimise", "minimize"), ("minimize", "goal")),
    **dict.fromkeys(("maximise", "maximize"), ("maximize", "goal")),
    **dict.fromkeys(("bell", "triangular", "closetotarget", "nominal"), ("match",)),
    "targetvalue": ("value",),
    "tolerance": ("within",),
    **dict.fromkeys(("track", "tracking", "observe"), ("keep",)),
    **dict.fromkeys(("threshold", "referencepoint", "cutoff"), ("at_least", "at_most")),
    **dict.fromkeys(("values", "choices"), ("options",)),
    **dict.fromkeys(("levels", "categories", "labels"), ("options", "levels", "classes")),
    **dict.fromkeys(("successvalue", "failurevalue"), ("classes",)),
    **dict.fromkeys(("continuous", "float", "real", "numerical", "numeric", "numericalcontinuous"), ("number",)),
    **dict.fromkeys(("stepsize", "isinteger"), ("number", "step")),
    **dict.fromkeys(("numericaldiscrete", "discretenumerical"), ("number",)),
    "discrete": ("number", "category"),
    **dict.fromkeys(("categorical", "choice", "string", "enum", "bool", "boolean"), ("category",)),
    **dict.fromkeys(("desired", "desirability", "accepted", "successvalues"), ("wanted", "desirable")),
    "binary": ("category", "classes"),
    "categoricaldescriptor": ("category",),
    **dict.fromkeys(("ordered", "orderedcategorical"), ("ordinal",)),
    **dict.fromkeys(("fixed", "constant"), ("category", "number", "constant")),
    **dict.fromkeys(
        ("smiles", "substance", "chemical", "molecular", "categoricalmolecular"), ("component", "molecule")
    ),
    **dict.fromkeys(("composition", "formulation", "blend", "simplex"), ("mixture",)),
    **dict.fromkeys(("desc", "properties"), ("descriptors",)),
    **dict.fromkeys(("dependson", "condition", "activeif", "parent"), ("when",)),
    **dict.fromkeys(("inputnoise", "uncertainty", "jitter", "perturbation"), ("tolerance",)),
    **dict.fromkeys(("backfill", "backfillvalue", "before", "previously", "was", "until"), ("earlier",)),
    **dict.fromkeys(("safe", "safety", "careful", "caution", "confidence"), ("cautious",)),
    **dict.fromkeys(("startingpoints", "initialpoints", "startingdesign", "customarms"), ("first",)),
    **dict.fromkeys(("parameterconstraints", "candidateconstraints"), ("constraints",)),
    **dict.fromkeys(("nchoosek", "cardinality", "mincount", "maxcount"), ("count", "at_least", "at_most")),
    **dict.fromkeys(("linear", "linearequality", "linearinequality", "coefficients"), ("sum",)),
    **dict.fromkeys(("formula", "equation"), ("expression",)),
    **dict.fromkeys(("nonlinear", "nonlinearequality", "nonlinearinequality", "product", "order"), ("expression",)),
    **dict.fromkeys(("dependencies", "implies"), ("when",)),
    **dict.fromkeys(("categoricalexclude", "forbidden", "forbid"), ("exclude",)),
    **dict.fromkeys(("scalarizer", "scalarization", "aggregation"), ("tradeoff",)),
    "desirability": ("tradeoff", "desirable"),
    **dict.fromkeys(("geommean", "geometricmean", "geometric", "multiplicative"), ("desirability",)),
    **dict.fromkeys(("mean", "weightedsum", "weightedmean", "additive", "scalarized", "arithmetic"), ("weighted",)),
    **dict.fromkeys(("moo", "multiobjective", "front"), ("pareto",)),
    **dict.fromkeys(("model", "regressor"), ("surrogate",)),
    **dict.fromkeys(("gaussianprocess", "gpr", "kriging", "singletaskgp", "mixedsingletaskgp"), ("gp",)),
    **dict.fromkeys(("saas", "saasbo", "saasgp", "fullybayesiansingletaskgp"), ("ard",)),
    **dict.fromkeys(("randomforest", "rf", "extratrees", "ngboost", "xgboost", "xgb", "gradientboosting"), ("trees",)),
    **dict.fromkeys(("tanimotogp", "fingerprint", "morgan"), ("tanimoto", "fingerprints")),
    **dict.fromkeys(("acq", "acqf", "acquisitionfunction", "policy", "recommender"), ("acquisition",)),
    **dict.fromkeys(
        ("ei", "pi", "logei", "nei", "lognei", "expectedimprovement", "kg", "knowledgegradient"), ("improvement",)
    ),
    **dict.fromkeys(
        ("ehvi", "logehvi", "nehvi", "lognehvi", "parego", "nparego", "hypervolume", "hvi", "hvpi"), ("pareto",)
    ),
    **dict.fromkeys(("tshvi", "tsemo"), ("pareto", "thompson")),
    **dict.fromkeys(("upperconfidencebound", "confidencebound", "lcb"), ("ucb",)),
    **dict.fromkeys(("ts", "thompsonsampling"), ("thompson",)),
    **dict.fromkeys(("pm", "posteriormean", "greedy", "exploitation"), ("top",)),
    **dict.fromkeys(("pstd", "posteriorstandarddeviation", "nipv", "negintegratedposteriorvariance"), ("exploration",)),
    **dict.fromkeys(("variance", "activelearning", "uncertaintysampling", "us", "explore"), ("exploration",)),
    **dict.fromkeys(("straddle", "levelset", "classification"), ("boundary",)),
    **dict.fromkeys(("batchsize", "q", "nsuggestions"), ("batch",)),
    **dict.fromkeys(("initialdesign", "ninitial", "ninit", "numinitdesign", "warmup", "numsobol"), ("initial",)),
    **dict.fromkeys(("async", "asynchronous", "parallel"), ("rolling", "mode")),
    **dict.fromkeys(
        ("ccd", "cci", "ccf", "composite", "facecentered", "facecentred", "doehlert"), ("central-composite",)
    ),
    **dict.fromkeys(("responsesurface", "rsm"), ("central-composite", "box-behnken", "i-optimal")),
    "bbd": ("box-behnken",),
    **dict.fromkeys(("pb", "pbd", "screening"), ("plackett-burman", "definitive")),
    **dict.fromkeys(("dsd", "definitivescreening"), ("definitive",)),
    **dict.fromkeys(("fullfactorial", "full", "grid", "gridsearch"), ("factorial",)),
    **dict.fromkeys(("fractionalfactorial", "fracfact", "taguchi", "orthogonalarray"), ("fractional",)),
    **dict.fromkeys(("latinhypercube", "latin", "lhd", "hypercube"), ("lhs",)),
    **dict.fromkeys(("halton", "hammersley", "quasirandom", "lowdiscrepancy"), ("sobol",)),
    **dict.fromkeys(("spacefilling", "maximin", "farthestpoint", "fps", "kennardstone", "diverse"), ("spread",)),
    **dict.fromkeys(("kmedoids", "kmeans", "clustering", "pam", "cvt", "cvtsampling", "voronoi"), ("medoid",)),
    **dict.fromkeys(("randomsearch", "uniform", "montecarlo"), ("random",)),
    **dict.fromkeys(("aoptimal", "goptimal", "voptimal", "optimal"), ("i-optimal", "d-optimal")),
    **dict.fromkeys(("extremevertices", "vertices"), ("d-optimal",)),
    **dict.fromkeys(("randomstate", "randomseed", "rng"), ("seed",)),
    **dict.fromkeys(("heteroscedastic", "heteroskedastic"), ("learnt",)),
    **dict.fromkeys(("homoscedastic", "homoskedastic"), ("constant",)),
    **dict.fromkeys(
        ("maxexperiments", "maxtrials", "trials", "ntrials", "iterations", "maxiterations"), ("experiments",)
    ),
    **dict.fromkeys(("money", "spending", "euros", "dollars"), ("cost",)),
    **dict.fromkeys(("capital", "maxcapital"), ("experiments", "hours", "cost")),
    **dict.fromkeys(("inventory", "supply", "supplies", "availability", "onhand"), ("stock",)),
    **dict.fromkeys(("stopping", "stoppingcriteria", "termination"), ("stop",)),
    **dict.fromkeys(("strategy", "method", "algorithm", "optimizer", "generationstrategy"), ("planner",)),
}
_SAID_OTHERWISE: Final = (  # what has no name here, and how the same is said
    (
        ("task",),
        "of versions of one measurement write 'fidelity'; results of another task are heard by memory: [CAMPAIGN], or "
        "by hakken tell --source; to have them count, write 'category', and exclude the tasks that are not to be "
        "proposed",
    ),
    (
        ("activevalues", "allowed"),
        "what is not to be proposed is a constraint: {exclude: {PARAMETER: OPTION}}; results of it count all the same",
    ),
    (("int", "integer"), "whole numbers are of type number with step: 1"),
    (
        ("encoding", "encodings"),
        "planner: {surrogate: ...} says how options are seen; numbers of your own are descriptors",
    ),
    (
        ("outcomeconstraints", "metricconstraints", "outputconstraints"),
        "limits of what is measured are at_least and at_most of the target under objective",
    ),
    (
        ("interpoint", "interpointequality", "batch", "batchconstraint", "same"),
        "what a batch comes to as a whole is said under planner: {per_batch: {sums: {volume: 60}}}, what its "
        "experiments share under plate: share, at_most",
    ),
    (
        ("nolabelduplicates", "permutationinvariance", "permutation", "symmetry", "symmetries", "unordered", "slots"),
        "parameters whose order means nothing are a constraint: {interchangeable: [additive_1, additive_2]}, with "
        "distinct: true where none is taken twice; what is mixed in shares may be one of type mixture",
    ),
    (
        ("transformation", "bell", "triangular"),
        "a match is worth most at its value and nothing beyond within; for another shape add a target under derived, "
        'such as {expression: "exp(-((yield - 50) / 5) ** 2)", goal: maximize}',
    ),
    (
        ("sigmoid", "maximizesigmoid", "minimizesigmoid", "steepness"),
        "what is worth nothing and what everything is said by desirable: {from: 20, to: 80}, a limit by at_least",
    ),
    (("custom", "callable"), "what is worked out from what is measured is a target under derived"),
    (
        ("chimera", "hierarchical", "lexicographic"),
        "of targets in order of rank give all but the last goal: keep and a threshold, at_least or at_most",
    ),
    (("weights",), "each target under objective has its weight"),
    (
        ("noise", "noisestd", "sd", "sem", "std"),
        "how results scatter is learnt; where it is known tell it with them, YIELD_sd beside YIELD",
    ),
    (
        ("risk", "riskmeasure", "cvar", "robust"),
        "what strays is said by tolerance of a number; what is only kept is judged at its worst there",
    ),
    (
        ("feasibility", "unknownconstraints", "feasstrategy"),
        "it is learnt: tell what cannot be made as outcome 'cannot', what gave little as a limit such as <1",
    ),
    (
        ("patience", "earlystopping"),
        "stop: [{target: yield, regret: 5}] ends a campaign where nothing is to be gained any more",
    ),
    (("sequential", "synchronous"), "batch: 1 plans one after the other"),
    (("total", "sumto", "sumsto"), "the parts of a mixture are fractions, which come to 1: 60 % is 0.6"),
    (
        ("simplexlattice", "simplexcentroid", "lattice", "centroid"),
        "of a mixture, factorial with levels: 2 has the pure parts, with levels: 3 halves of two as well, and "
        "centre: 1 adds the middle",
    ),
    (
        ("hardtochange", "htc", "slow", "splitplot", "wholeplot", "veryhardtochange"),
        "what takes long to change is said under costs: {switch: {PARAMETER: {hours: 0.5}}}; each batch is then run in "
        "the order with the fewest changes",
    ),
    (
        ("availability", "instock", "outofstock", "leadtime", "vendor", "supplier"),
        "what cannot be had is taken out of the table, or kept out as long as that is so: "
        "hakken ban CAMPAIGN --where PARAMETER=NAME,NAME",
    ),
    (
        ("scheffe", "scheffelinear", "scheffequadratic", "mixturemodel", "blending"),
        "of a mixture linear is Scheffe's linear model, and interactions his quadratic one",
    ),
    (
        ("ofat", "ovat", "onefactoratatime", "onevariableatatime"),
        "one thing at a time hides what acts together; plackett-burman, fractional or d-optimal take as few "
        "experiments",
    ),
)
_INSTEAD: Final[Mapping[str, str]] = {word: said for words, said in _SAID_OTHERWISE for word in words}
_ENDS: Final = ("parameter", "input", "output", "variable", "constraint", "objective", "surrogate", "target")


def our_words(word: object) -> tuple[str, ...]:
    """What a campaign file may call what others call ``word``; none where nobody does."""
    return next((_OURS[form] for form in _forms(word) if form in _OURS), ())


def meant(word: str, known: Iterable[str]) -> str:
    """A short hint such as ``" (did you mean 'low' or 'high'?)"`` at a word that is not ``known``, or nothing.

    Where nothing is called likewise, it is a sentence on how the same is said.
    """
    names = list(known)
    if ours := [name for name in dict.fromkeys((*our_words(word), *_forms(word))) if name in names]:
        return f" (did you mean {' or '.join(map(repr, ours))}?)"
    said = next((_INSTEAD[form] for form in _forms(word) if form in _INSTEAD), "")
    return f" ({said})" if said else did_you_mean(word, names)


def _forms(word: object) -> list[str]:
    """A word without signs and capitals, and what is left of it without what its class is called elsewhere."""
    plain = re.sub(r"[ _-]", "", str(word).casefold())
    forms = [plain, plain.removeprefix("q")]
    forms += [plain.removesuffix(end) for end in _ENDS if plain.endswith(end)]
    forms += [form.removeprefix(kind) for form in list(forms) for kind in ("discrete", "continuous") if form != kind]
    return [form for form in dict.fromkeys(forms) if form]
