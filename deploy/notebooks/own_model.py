# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A model of one's own, from exported days into the shadow
#
# Needed beside this notebook, which is opened by jupytext (`pip install 'innerwatch[notebooks]'`):
#
# * `innerwatch.toml`, the configuration by which the log is judged; it trusts the key below in `bundles.trusted_keys`;
# * `features`, from `innerwatch export features --out features`;
# * `labels`, what analysts said of alerts, from `innerwatch export labels --out labels`;
# * `training.key`, from `innerwatch bundles key training.key`.
#
# What a data scientist writes are the cells tagged `yours`. The rest looks at what they have done.

# %% tags=["yours"]
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from detector.training import Custom, Workbench

bench = Workbench("features", "labels", "innerwatch.toml")
days = bench.days()

# %% [markdown]
# ## What there is
#
# A row is a person's working day. `confirmed` says that analysts called it misuse, `weight` is 3 for a day that they
# judged and 1 for a day at which nobody has looked. `days(known_by=...)` gives what was known before a day: a model
# that is judged on June must not have been told in May what was found out in July.

# %%
days.groupby("weight")[["confirmed"]].agg(["size", "sum"])

# %% [markdown]
# ## The model
#
# Any estimator of scikit-learn that a bundle can keep (or `HalfSpaceTrees` and `OneClassSVM` of river), with `fit` and
#
# * `score_samples` or `decision_function` (low is anomalous) for `kind="anomaly"`, which adds up to `limit` to a level;
# * `predict_proba` for `kind="ranker"`, which learns from verdicts and moves levels both ways.
#
# Features are those of the dictionary that are `learnable`: known at the moment at which a day is judged.

# %%
bench.dictionary().query("learnable")[["unit", "window", "meaning"]]

# %% tags=["yours"]
mine = Custom(
    name="density",
    kind="anomaly",
    features=("total_*", "joint"),
    limit=4.0,
    estimator=make_pipeline(
        StandardScaler(), PCA(n_components=8, random_state=7), GaussianMixture(n_components=3, random_state=7)
    ),
)

# %% [markdown]
# ## Is it worth anything?
#
# It is fitted to the earlier days of half of the people, by the verdicts given until then, and judges later days of
# the other half: grouped and in the order of time, so that it knows neither the person nor the future. Beside it the
# online models alone. Analysts have seen what the online models told them, which flatters those: to be nearly as good
# is good here.

# %% tags=["yours"]
comparison = bench.compare(mine)

# %%
comparison

# %% [markdown]
# ## Into the shadow
#
# Fitted to all days and signed, it is registered, and from the next look of a live run on it judges every day beside
# the present models and tells nobody.

# %% tags=["yours"]
bundle = bench.train("density.bundle", [mine], owner="dana", key="training.key")

# %%
from IPython.display import Markdown

Markdown(bundle.card)

# %% language="bash" tags=["yours"]
# set -e
# innerwatch bundles add density.bundle --by dana --config innerwatch.toml
# innerwatch bundles shadow density --by dana --config innerwatch.toml

# %%
import json
import subprocess

shown = ["innerwatch", "bundles", "show", "density", "--json", "--config", "innerwatch.toml"]
registered = json.loads(subprocess.run(shown, check=True, capture_output=True).stdout)
assert (registered["digest"], registered["role"]) == (bundle.digest, "challenger")
registered["role"]
