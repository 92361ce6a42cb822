"""What is told of the machine."""

from emotiw.core import machine


def test_the_processor_is_named_where_the_system_tells(tmp_path):
    facts = tmp_path / "cpuinfo"
    facts.write_text("processor : 0\nmodel name\t: Abacus 9000\n")
    assert machine.cpu_model(facts) == "Abacus 9000"
    assert machine.cpu_model(tmp_path / "absent")


def test_a_choice_of_other_instructions_is_told(monkeypatch):
    before = machine.surroundings()
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "default")
    assert machine.surroundings() == before | {"ATEN_CPU_CAPABILITY": "default"}
