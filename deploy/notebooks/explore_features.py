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
# # What is in exported days?
#
# Needed beside this notebook, which is opened by jupytext (`pip install 'innerwatch[notebooks]'`):
#
# * `innerwatch.toml`, the configuration by which the log is judged;
# * `features`, from `innerwatch export features --out features`.

# %%
import matplotlib.pyplot as plt
import numpy as np

from detector.training import Workbench

bench = Workbench("features", config="innerwatch.toml")
days = bench.days()
weeks = days["day"].dt.to_period("W").dt.start_time
print(
    f"{len(days):,} working days of {days['actor'].nunique()} people, {days['day'].min():%F} to {days['day'].max():%F}"
)

# %% [markdown]
# ## The dictionary
#
# Every column says in which unit it is, what it is about, when it is null and when it was known. `sum_` and `peak_`
# are what a person did on the day; `value_` is what a detection measures, `normal_` and `peers_` what was normal
# before; `score_`, `today_` and `total_` are how unusual that is, in nats.

# %%
dictionary = bench.dictionary()
dictionary.groupby(dictionary.index.str.partition("_").get_level_values(0)).agg(
    columns=("unit", "size"), known=("known", "first"), learnable=("learnable", "any")
).query("columns > 3")

# %% [markdown]
# ## How days are distributed
#
# Amounts differ by factors, so the axis is logarithmic; days without any are left out, and their share is in the
# title.

# %%
amounts = ["sum_touches", "sum_records", "sum_exported", "sum_unexplained"]
figure, axes = plt.subplots(1, len(amounts), figsize=(15, 3), sharey=True)
for axis, name in zip(axes, amounts, strict=True):
    there = days[days[name] > 0]
    for role, mine in there.groupby("peer_group"):
        axis.hist(np.log10(mine[name]), bins=20, histtype="step", label=role)
    axis.set(title=f"{name}: {1 - len(there) / len(days):.0%} without", xlabel="log10")
axes[0].set_ylabel("days")
axes[-1].legend(fontsize=6)
figure.tight_layout()

# %% [markdown]
# ## One person beside the peers
#
# The person of the highest level. Normal is what the models expected before the day began, of this person and of the
# role; the level below is what came of it.

# %%
person = days.loc[days["level"].idxmax(), "actor"]
measures = ["customers", "records", "unexplained"]
mine = days[days["actor"] == person].set_index("day")
figure, axes = plt.subplots(len(measures) + 1, 1, figsize=(12, 9), sharex=True)
for axis, name in zip(axes, measures, strict=False):
    for column, style in ((f"value_{name}", "o-"), (f"normal_{name}", "--"), (f"peers_{name}", ":")):
        axis.plot(mine.index, mine[column], style, label=column.partition("_")[0])
    axis.set_title(f"{name}: {dictionary.loc[f'value_{name}', 'unit']}")
axes[0].legend()
axes[-1].bar(mine.index, mine["level"])
axes[-1].set_title("level, nats")
figure.tight_layout()

# %% [markdown]
# ## Does a feature drift?
#
# Quantiles week by week, and the population stability index of each week against the weeks before it: above 0.25 a
# feature is usually said to have changed. Small weeks move it by chance.

# %%
drifting = "sum_touches"
quantiles = days.groupby(weeks)[drifting].quantile([0.25, 0.5, 0.75, 0.95]).unstack()
edges = np.unique(days[drifting].quantile(np.linspace(0, 1, 6)))
edges[-1] += 1
stability = {}
for week in quantiles.index[1:]:
    now, before = (np.histogram(days[drifting][chosen], edges)[0] + 1 for chosen in (weeks == week, weeks < week))
    now, before = now / now.sum(), before / before.sum()
    stability[week] = float(((now - before) * np.log(now / before)).sum())
figure, axes = plt.subplots(2, 1, figsize=(12, 5), sharex=True)
axes[0].plot(quantiles.index, quantiles, "o-", label=[f"{name:.0%}" for name in quantiles.columns])
axes[0].set_title(f"{drifting} by week")
axes[0].legend()
axes[1].bar(list(stability), list(stability.values()), width=3)
axes[1].axhline(0.25, linestyle="--")
axes[1].set_title("population stability index")
figure.autofmt_xdate()

# %% [markdown]
# ## What is missing
#
# A null is never a mistake here: the dictionary says what it means, mostly that there is no past yet.

# %%
missing = days.isna().mean()
missing = missing[missing > 0].sort_values(ascending=False)
young = days["active_days"].clip(upper=10)
empty = days.filter(like="normal_").isna().mean(axis=1).groupby(young).mean()
figure, axis = plt.subplots(figsize=(12, 3))
axis.bar(empty.index, empty)
axis.set(xlabel="active days before (10: or more)", title="share of what is normal that is not known")
dictionary.loc[missing.index.intersection(dictionary.index), ["nulls"]].assign(share=missing).head(10)

# %% [markdown]
# ## What moves together
#
# Rank correlations of how unusual the measures are. What is always unusual together says one thing twice, to a linear
# model at least; a pair that seldom is, and is today, is what the joint model looks for.

# %%
scores = days.loc[days["settled"], [name for name in days if name.startswith("score_")]]
scores = scores.loc[:, scores.nunique() > 1].rename(columns=lambda name: name.removeprefix("score_"))
together = scores.corr("spearman")
figure, axis = plt.subplots(figsize=(9, 8))
image = axis.imshow(together, cmap="coolwarm", vmin=-1, vmax=1)
axis.set_xticks(range(len(together)), together.columns, rotation=90, fontsize=6)
axis.set_yticks(range(len(together)), together.columns, fontsize=6)
figure.colorbar(image)
figure.tight_layout()
pairs = together.where(np.triu(np.ones(together.shape, bool), 1)).stack()
pairs.sort_values(ascending=False).head(8).rename("rank correlation").to_frame()
