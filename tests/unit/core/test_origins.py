from golfctl.core.origins import Layer, leaves, origin_of

LAYERS = [
    Layer("recipe", {"a": 1, "t": {"x": 1, "y": 2}}),
    Layer("flag", {"t": {"y": 2}}),
    Layer("flag", {"u": {}}),
]


def test_the_topmost_layer_that_states_a_value_is_its_origin():
    assert origin_of("a", LAYERS) == "recipe" and origin_of("t.x", LAYERS) == "recipe"
    assert origin_of("t.y", LAYERS) == "flag", "also where it states the same value"
    assert origin_of("b", LAYERS) == "default" and origin_of("t.z", LAYERS) == "default"


def test_a_table_has_an_origin_too():
    assert origin_of("t", LAYERS) == "flag" and origin_of("u", LAYERS) == "flag"
    assert origin_of("u.x", LAYERS) == "default"


def test_leaves_name_tables_before_what_they_hold():
    assert list(leaves({"a": 1, "t": {"x": [1]}})) == [("a", 1), ("t", {"x": [1]}), ("t.x", [1])]
