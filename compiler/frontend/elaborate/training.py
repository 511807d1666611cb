"""`train { }`: the settings of training, and the inputs that only training needs."""

from __future__ import annotations

from typing import Any

from ..closest import closest
from ..report import UNKNOWN
from ..syntax import ast
from . import types
from .contents import Contents, accepting, want_recipe
from .expressions import evaluate
from .recipes import AUGMENTATIONS, COUNTS, OPTIMIZERS, SCHEDULES, SETTINGS
from .scope import Scope
from .tensors import is_tensor
from .values import describe


class Training(Contents):
    def check(self) -> None:
        before = len(self.scope.module.report.of("error"))
        for statement in self.section.statements:
            with self.scope.going_on():
                if isinstance(statement, ast.Input):
                    self._input(statement)
                elif not isinstance(statement, ast.Binding):
                    self.refuse(statement)
                elif len(statement.names) == 1 and statement.names[0].text in SETTINGS:
                    self._setting(statement.names[0], statement.value)
                else:
                    self.bind(statement)
        if self.whole and len(self.scope.module.report.of("error")) == before:
            for statement in self.section.statements:
                if isinstance(statement, ast.Input) and statement.name.text not in self.read:
                    message = f"nothing reads the input `{statement.name.text}`"
                    self.scope.report(self.scope.fail("E0215", message, statement.name))

    def _input(self, s: ast.Input) -> None:
        self.scope.bind(s.name, UNKNOWN)
        if s.type is None:
            help = "labels are i64[N]"
            raise self.scope.fail("E0316", f"the input `{s.name.text}` of `train` needs a type", s, help=help)
        type = types.input_type(s.type, self.scope)
        self.scope.names[s.name.text] = self.scope.run.add_input(s.name.text, type, self.scope.span(s))

    def _setting(self, word: ast.Word, value: ast.Expression) -> None:
        """Check a setting by its name; what comes after may read it."""
        self.once(word)
        self.scope.names[word.text] = UNKNOWN
        match word.text:
            case "loss":
                self.scope.names["loss"] = _loss(value, self.scope)
            case "optimizer":
                want_recipe(value, OPTIMIZERS, "optimizer", self.scope)
            case "schedule":
                want_recipe(value, SCHEDULES, "schedule", self.scope)
            case "augment":
                for step in value.steps if isinstance(value, ast.Pipe) else (value,):
                    with self.scope.going_on():
                        want_recipe(step, AUGMENTATIONS, "augmentation", self.scope)
            case name:
                self.scope.names[name] = accepting(COUNTS[name].accept, value, f"`{name}` of `train`", self.scope)

    def near(self, word: ast.Word) -> str:
        if word.text in ("lr", "learning_rate", "momentum", "weight_decay"):
            return "the optimizer is told: optimizer = adamw(lr=1e-3)"
        close = closest(word.text, SETTINGS)
        return f"did you mean `{close[0]}`?" if close else f"expected here: {', '.join(sorted(SETTINGS))}"


def _loss(e: ast.Expression, scope: Scope) -> Any:
    value = evaluate(e, scope)
    if not is_tensor(value):
        help = "as (scores, label) -> cross_entropy"
        raise scope.fail("E0217", f"the loss is {describe(value)}, and no tensor", e, help=help)
    return value
