"""What a known answer says of itself: neutral words as senders write them, of nobody and no certain place."""

from random import Random

PLACES = (
    "地铁站出口",
    "火车站广场",
    "长途汽车站",
    "菜市场门口",
    "步行街",
    "商场门口",
    "医院门口",
    "公交站旁",
    "过街天桥上",
    "地下通道里",
    "公园南门",
    "夜市",
    "十字路口",
    "学校附近",
    "超市门口",
    "美食街",
)
WHO = ("一个孩子", "一个小孩", "孩子", "有个孩子", "看到一个小孩", "一名儿童")
DOES = (
    "在路边要钱",
    "坐在地上，面前放着碗",
    "跟着一个大人向路人要钱",
    "一个人蹲在墙边",
    "举着纸牌乞讨",
    "拉着行人要钱",
    "睡在纸箱上",
    "和一位老人一起乞讨",
)
MORE = (
    "。",
    "，看上去很累。",
    "，没有说话。",
    "，穿得很单薄。",
    "，已经好几天了。",
    "，请核实。",
    "，周围人很多。",
)
NAMES = (
    "陈嘉怡",
    "李俊杰",
    "王雨桐",
    "张子轩",
    "刘思琪",
    "黄浩然",
    "周梓涵",
    "吴宇航",
    "徐欣怡",
    "孙博文",
    "马诗涵",
    "朱明轩",
    "胡可馨",
    "郭子墨",
    "何佳宁",
    "林一诺",
)


def place(dice: Random, area: str) -> str:
    """Where somebody says they were."""
    return f"{area}{dice.choice(PLACES)}"


def description(dice: Random) -> str:
    """What somebody says they saw; like other senders, every third says nothing."""
    if dice.random() < 1 / 3:
        return ""
    return f"{dice.choice(WHO)}{dice.choice(DOES)}{dice.choice(MORE)}"


def name(dice: Random) -> str:
    """A name that nobody was asked for."""
    return dice.choice(NAMES)
