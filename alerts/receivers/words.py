"""What receivers say about an alert, in the languages of their readers."""

from typing import Final

from alerts import techniques
from alerts.alert import Severity

ENGLISH: Final = "en"
CHINESE: Final = "zh"

WORDS: Final[dict[str, dict[str, str]]] = {
    ENGLISH: {
        "title": "{severity} insider risk: {actor}, {detections} (risk {risk} of 100)",
        "test": "TEST",
        "resolved": "Closed",
        "escalated": "Escalated, level {level}",
        "is_test": "This is a test of the receiver. Nobody did anything.",
        "is_resolved": "The incident was closed.",
        "is_escalated": "Nobody has acknowledged the incident in time.",
        "field": "{name}: {value}",
        "comma": ", ",
        "who": "Who",
        "severity": "Severity",
        "severity_value": "{severity}, risk {risk} of 100",
        "when": "When",
        "when_value": "from {opened} to {updated}",
        "alert": "Alert",
        "alert_value": "{alert_id}, revision {revision}",
        "link": "Link",
        "observed": "Observed",
        "own": "Own normal",
        "own_sample": "{amount} (from {sample} own days)",
        "peers": "Peers",
        "peer_sample": "{amount} (from {sample} peers)",
        "unknown": "not known",
        "rarity": "How rare",
        "certain": "certain: this needs no statistics",
        "normal": "No alert",
        "normal_certain": "none: one such event is enough",
        "normal_unknown": "no single number decides",
        "normal_most": "if it had been no more than {amount}",
        "normal_least": "if it had been no less than {amount}",
        "technique": "Technique",
        "data": "Data of that day",
        "data_worst": "Data, on the worst day",
        "customers": "about {count} customers",
        "records": "{count} records disclosed",
        "exported": "{count} taken out",
        "data_class": "most sensitive class {name}",
        "steps": "First steps",
        "cut": " ... [shortened]",
    },
    CHINESE: {
        "title": "内部人员风险（{severity}）：{actor}，{detections}（风险 {risk}/100）",
        "test": "测试",
        "resolved": "已关闭",
        "escalated": "升级至第 {level} 级",
        "is_test": "这是对接收端的测试，没有人做过任何事情。",
        "is_resolved": "该事件已关闭。",
        "is_escalated": "尚无人在规定时间内确认该事件。",
        "field": "{name}：{value}",
        "comma": "，",
        "who": "人员",
        "severity": "级别",
        "severity_value": "{severity}，风险 {risk}/100",
        "when": "时间",
        "when_value": "{opened} 至 {updated}",
        "alert": "告警",
        "alert_value": "{alert_id}，第 {revision} 版",
        "link": "链接",
        "observed": "实际",
        "own": "本人平时",
        "own_sample": "{amount}（依据本人 {sample} 天）",
        "peers": "同岗平时",
        "peer_sample": "{amount}（依据 {sample} 名同岗）",
        "unknown": "未知",
        "rarity": "罕见程度",
        "certain": "确定无疑，无需统计",
        "normal": "不告警的条件",
        "normal_certain": "无：发生一次即告警",
        "normal_unknown": "不由单一数值决定",
        "normal_most": "不超过 {amount}",
        "normal_least": "不低于 {amount}",
        "technique": "技术",
        "data": "当日数据",
        "data_worst": "最严重一天的数据",
        "customers": "约 {count} 名客户",
        "records": "披露 {count} 条记录",
        "exported": "带出 {count} 条",
        "data_class": "最高敏感级别 {name}",
        "steps": "首要步骤",
        "cut": " ……【已截短】",
    },
}  # fmt: skip
"""Every word by language and place; the languages have the same places."""

SEVERITIES: Final[dict[str, dict[Severity, str]]] = {
    ENGLISH: {severity: severity.capitalize() for severity in Severity},
    CHINESE: {Severity.LOW: "低", Severity.MEDIUM: "中", Severity.HIGH: "高", Severity.CRITICAL: "严重"},
}

DETECTIONS_ZH: Final[dict[str, str]] = {
    "automation": "机器般批量操作",
    "bulk_export": "批量导出数据",
    "customer_breadth": "接触客户范围异常",
    "honey_record": "触碰诱饵记录",
    "new_place": "使用陌生功能或地点",
    "odd_hours": "非常规时间作业",
    "odd_session": "行为组合异常",
    "unmask_abuse": "频繁查看脱敏前数据",
}
"""A detection in Chinese; one that is not here goes by its name."""

STEPS_ZH: Final[dict[str, str]] = {
    techniques.PRESERVE: "在日志滚动删除之前，保全这几天的访问日志。",
    techniques.SUPERVISOR: "私下向其主管核实，这项工作是否是安排的。",
    techniques.PURPOSE: "核对所填用途中的理赔、案件或工单：是否存在，是否涉及这些客户？",
    techniques.OWNER: "询问是否是本人所为；比对门禁、排班和请假记录。",
    techniques.SUSPEND_EXPORT: "如查不到正当用途，暂停其导出权限。",
    techniques.SUSPEND_LOGIN: "如是他人所为，锁定账号并结束其会话。",
    techniques.DESTINATION: "查明数据去了哪里、包含什么；要求归还或删除。",
    techniques.ENTITLEMENT: "比对所用权限与岗位；岗位不需要的，请予收回。",
    techniques.ROBOT: "询问本人之前，先查是否有经批准的机器人或批处理任务。",
}
"""A first step in Chinese; one that is not here stays in English."""

RARITY_ZH: Final = ("约每 {days} 个工作日一次", "不足每 {days} 个工作日一次", "并不罕见：每 {days} 个工作日不止一次")


def words_of(language: str) -> dict[str, str]:
    """The words of a language, English where it is none of those known.

    >>> words_of("zh")["who"], words_of("tlh")["who"]
    ('人员', 'Who')
    """
    return WORDS.get(language, WORDS[ENGLISH])
