"""What the dashboards are made of: queries, panels, variables, links and annotations, each in one way alone."""

from collections.abc import Sequence
from typing import Any, Final

from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.runtime import UnknownDataquery
from grafana_foundation_sdk.models import common as model
from grafana_foundation_sdk.models.dashboard import (
    AnnotationQuery,
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    Panel,
    Threshold,
    ThresholdsMode,
    VariableOption,
    VariableRefresh,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

METRICS: Final = DataSourceRef(type_val="prometheus", uid="${metrics}")
DATABASE: Final = DataSourceRef(type_val="grafana-postgresql-datasource", uid="${database}")
TAG: Final = "innerwatch"
GREEN, YELLOW, RED = "green", "yellow", "red"
RATE: Final = "[$__rate_interval]"

Made = Builder[Panel]


class Annotation(AnnotationQuery):
    """One of Prometheus, with what its marks are called, which the kit leaves out."""

    def __init__(self, name: str, colour: str, expression: str, title: str) -> None:
        super().__init__(name=name, datasource=METRICS, icon_color=colour, expr=expression)
        self._title = title

    def build(self) -> "Annotation":
        """It is built."""
        return self

    def to_json(self) -> dict[str, object]:
        """As Grafana reads it."""
        return super().to_json() | {"titleFormat": self._title, "step": "60s"}


class Marks(AnnotationQuery):
    """An annotation out of the views: rows with `time` and `text`, asked by a target, for which the kit has no type."""

    def __init__(self, name: str, colour: str, sql: str) -> None:
        super().__init__(name=name, datasource=DATABASE, icon_color=colour)
        self._sql = Sql(sql)

    def build(self) -> "Marks":
        """It is built."""
        return self

    def to_json(self) -> dict[str, object]:
        """As Grafana reads it."""
        return super().to_json() | {"target": self._sql.build().to_json()}


class Sql:
    """A query of the views, which gives a table."""

    def __init__(self, text: str) -> None:
        self._text = " ".join(text.split())

    def build(self) -> UnknownDataquery:
        """As Grafana reads it."""
        return UnknownDataquery(
            {
                "datasource": DATABASE.to_json(),
                "editorMode": "code",
                "format": "table",
                "rawQuery": True,
                "rawSql": self._text,
                "refId": "A",
            }
        )


def query(expression: str, legend: str = "", name: str = "A", *, instant: bool = False) -> prometheus.Dataquery:
    """One of Prometheus; an instant one gives the latest values alone."""
    made = prometheus.Dataquery().datasource(METRICS).ref_id(name).expr(" ".join(expression.split()))
    made = made.legend_format(legend) if legend else made
    return made.instant().format(PromQueryFormat.TIME_SERIES) if instant else made.range()


def lines(
    title: str, words: str, *queries: prometheus.Dataquery, unit: str = "short", width: int = 12, stacked: bool = False
) -> timeseries.Panel:
    """Values over time."""
    panel = timeseries.Panel().title(title).description(words).datasource(METRICS).unit(unit).span(width).height(8)
    for one in queries:
        panel = panel.with_target(one)
    legend = common.VizLegendOptions().show_legend(True).placement(model.LegendPlacement.BOTTOM)
    legend = legend.display_mode(model.LegendDisplayMode.LIST)
    tooltip = common.VizTooltipOptions().mode(model.TooltipDisplayMode.MULTI)
    panel = panel.min(0).legend(legend).tooltip(tooltip).fill_opacity(60 if stacked else 5).line_width(1)
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(model.StackingMode.NORMAL))
    return panel


def number(
    title: str, words: str, expression: str, unit: str = "short", bad: tuple[float, float] | None = None, width: int = 4
) -> stat.Panel:
    """One number as it is now; yellow and red from the two of `bad` on."""
    panel = stat.Panel().title(title).description(words).datasource(METRICS).unit(unit).span(width).height(4)
    panel = panel.thresholds(steps(bad)).with_target(query(expression, instant=True))
    last = common.ReduceDataOptions().calcs(["lastNotNull"])
    colours = model.BigValueColorMode.VALUE if bad else model.BigValueColorMode.NONE
    return panel.reduce_options(last).graph_mode(model.BigValueGraphMode.NONE).color_mode(colours)


def bars(title: str, words: str, *queries: prometheus.Dataquery, unit: str = "short", width: int = 8) -> bargauge.Panel:
    """Some numbers as they are now, beside each other; the queries are instant ones."""
    panel = bargauge.Panel().title(title).description(words).datasource(METRICS).unit(unit).span(width).height(8)
    panel = panel.min(0).thresholds(steps(None))
    for one in queries:
        panel = panel.with_target(one)
    last = common.ReduceDataOptions().calcs(["lastNotNull"])
    return panel.reduce_options(last).orientation(model.VizOrientation.HORIZONTAL)


def rows(title: str, words: str, sql: str, width: int = 24, height: int = 10) -> table.Panel:
    """A table out of the views."""
    panel = table.Panel().title(title).description(words).datasource(DATABASE).span(width).height(height)
    return panel.with_target(Sql(sql))


def steps(bad: tuple[float, float] | None) -> dashboard.ThresholdsConfig:
    """Green, and from the two numbers on yellow and red."""
    found = [Threshold(value=None, color=GREEN)]
    found += [Threshold(value=value, color=colour) for value, colour in zip(bad or (), (YELLOW, RED), strict=False)]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(found)


def source(name: str, label: str, kind: str, uid: str) -> dashboard.DatasourceVariable:
    """Which data source of a kind is asked; the provisioned one unless somebody chooses another."""
    current = VariableOption(selected=False, text=label, value=uid)
    return dashboard.DatasourceVariable(name).label(label).type(kind).current(current)


def choice(name: str, label: str, metric: str) -> dashboard.QueryVariable:
    """Some or all values of a label of a metric."""
    asked: dict[str, Any] = {"qryType": 1, "query": f"label_values({metric}, {name})", "refId": name}
    variable = dashboard.QueryVariable(name).label(label).datasource(METRICS).query(asked).multi(True)
    every = VariableOption(selected=True, text=["All"], value=["$__all"])
    return variable.include_all(True).refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).current(every)


def listed(name: str, label: str, values: Sequence[str]) -> dashboard.CustomVariable:
    """Some or all of values that are known beforehand."""
    variable = dashboard.CustomVariable(name).label(label).values(",".join(values)).multi(True).include_all(True)
    options = [VariableOption(selected=False, text=value, value=value) for value in values]
    return variable.options(options).current(VariableOption(selected=True, text=["All"], value=["$__all"]))


def board(uid: str, title: str, words: str, since: str) -> dashboard.Dashboard:
    """A dashboard without panels: links to the others, the data sources, and when releases and restarts were."""
    link = dashboard.DashboardLink("innerwatch").type(DashboardLinkType.DASHBOARDS).tags([TAG]).keep_time(True)
    fresh = "max by (version) (innerwatch_build_info) unless max by (version) (innerwatch_build_info offset 5m)"
    started = 'changes(process_start_time_seconds{job=~"innerwatch.*"}[2m]) > 0'
    made = dashboard.Dashboard(title).uid(uid).description(words).tags([TAG]).readonly().timezone("browser")
    made = made.time(since, "now").refresh("1m").tooltip(DashboardCursorSync.CROSSHAIR).link(link)
    made = made.annotation(Annotation("Releases", "blue", fresh, "innerwatch {{version}}"))
    made = made.annotation(Annotation("Restarts", "orange", started, "{{job}} at {{instance}} started"))
    made = made.with_variable(source("metrics", "Metrics", "prometheus", "innerwatch-prometheus"))
    return made.with_variable(source("database", "Database", DATABASE.type_val or "", "innerwatch-postgresql"))


def filled(made: dashboard.Dashboard, sections: dict[str, Sequence[Made]]) -> dashboard.Dashboard:
    """The dashboard with its panels, section by section, each with an id that stays."""
    number = 0
    for title, panels in sections.items():
        number += 1
        made = made.with_row(dashboard.Row(title).id(number))
        for panel in panels:
            number += 1
            made = made.with_panel(panel.id(number))  # type: ignore[attr-defined]
    return made
