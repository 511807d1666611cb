"""Coverage-guided fuzzing of what reads `.cnn` text, with atheris (`pip install '.[fuzz]'`).

    python tests/fuzz/fuzz.py FOLDER [elaborate|format|print] [-max_total_time=600] [other options of libFuzzer]

FOLDER keeps the corpus, so that the next run goes on from it, and `findings/`: one text and one traceback for each
kind of finding. A finding is whatever is neither success nor a `CnncError`, a property that does not hold, and
whatever takes over 2 seconds; libFuzzer ends at 500 MB of memory, and at a hang of half a minute. Minimise what was
found with `-minimize_crash=1 -exact_artifact_path=small.cnn FOLDER/findings/…cnn`, mend it and keep it as a test.

Half of the mutations are libFuzzer's, with a dictionary of the grammar's words and the registered stages; the others
move, copy, drop and replace whole tokens, since most of what else happens to a text only breaks its syntax.
"""

from __future__ import annotations

import random
import sys
import time
import traceback
from pathlib import Path

import atheris  # pyright: ignore[reportMissingImports]

with atheris.instrument_imports(include=["cnnc"]):  # pyright: ignore[reportAttributeAccessIssue]
    import cnnc
    from cnnc.compiler import ops  # noqa: F401  fills the registry
    from cnnc.compiler.diagnostics import Source
    from cnnc.compiler.frontend import check_text
    from cnnc.compiler.frontend.elaborate.functions import FUNCTIONS
    from cnnc.compiler.frontend.elaborate.values import WORDS
    from cnnc.compiler.frontend.read import read
    from cnnc.compiler.frontend.syntax.format import format
    from cnnc.compiler.frontend.syntax.words import RESERVED, tokens_of
    from cnnc.compiler.ir.operator import REGISTRY
    from cnnc.compiler.ir.text import show
    from cnnc.compiler.ir.verify import verify

ROOT = Path(__file__).parents[2]
SECONDS, MEGABYTES, LONGEST = 2.0, 500, 1500
SIZES = {"H": 64, "W": 48}
SIGNS = [*"()[]{}=,:./*%+-<>#", '"', "->", "//", "**", "==", "!=", "<=", ">="]
NUMBERS = [0, 1, 2, 3, 7, 64, -1, 0.5, 1e-6, 1e308, 200, 65536, 10**9, 2**31 - 1, 2**63 - 1]
NAMES = ["x", "y", "z", "f32", "u8", "i64", "N", "H", "W", "16*H", "M", "channels", "height", "width", "shape"]
SECTIONS = ["train", "test", "loss", "optimizer", "batch", "random", "close"]
ATTRIBUTES = {f"{spec.name}=" for record in REGISTRY.values() for spec in record.attrs}
VOCABULARY = sorted(
    {*RESERVED, *REGISTRY, *FUNCTIONS, *WORDS, *ATTRIBUTES, *SIGNS, *map(str, NUMBERS), *NAMES, *SECTIONS}
)


def elaborate(text: str) -> None:
    """A network or an error; checking with free sizes finds something to say, or nothing."""
    for finding in check_text(text):
        assert finding.render()
    cnnc.parse(text, sizes={letter: size for letter, size in SIZES.items() if letter in text}).summary()


def layout(text: str) -> None:
    """`fmt` is idempotent, and keeps the graph."""
    once = format(Source("<text>", text))
    assert format(Source("<text>", once)) == once, "formatting again changes something"
    assert _graph(once) == _graph(text), "formatting changes the graph"


def printed(text: str) -> None:
    """The printed graph reads back as the same graph."""
    graph = cnnc.parse(text, sizes=SIZES).graph
    verify(graph)
    assert read(show(graph), graph.params) == graph, "the printed graph is another one"


def _graph(text: str) -> str:
    try:
        return show(cnnc.parse(text, sizes=SIZES).graph)
    except cnnc.CnncError as error:
        return type(error).__name__


TARGETS = {"elaborate": elaborate, "format": layout, "print": printed}


def run(data: bytes, target: str, findings: Path) -> None:
    text = data.decode(errors="ignore")
    begin = time.process_time()
    try:
        TARGETS[target](text)
    except cnnc.InternalError as error:
        keep(data, error, target, findings)
    except cnnc.CnncError:
        pass
    except Exception as error:
        keep(data, error, target, findings)
    seconds = time.process_time() - begin
    if seconds > SECONDS:
        keep(data, TimeoutError(f"{seconds:.1f} s"), target, findings)


def keep(data: bytes, error: Exception, target: str, findings: Path) -> None:
    """Write a finding down, unless one like it is there."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).stem}-{frames[-1].lineno}" if frames else "slow"
    path = findings / f"{target}-{type(error).__name__}-{place}.cnn"
    if not path.exists():
        path.write_bytes(data)
        path.with_suffix(".txt").write_text("".join(traceback.format_exception(error))[-20_000:])
        print(f"found {path.name}: {error}", flush=True)


def mutate(data: bytes, most: int, seed: int) -> bytes:
    rng = random.Random(seed)
    if rng.random() < 0.5:
        return atheris.Mutate(data, len(data))
    text = data.decode(errors="ignore")
    words = [text[token.start : token.end] for token in tokens_of(text)]
    for _ in range(rng.choice([1, 1, 2, 4])):
        at = rng.randrange(len(words) + 1)
        stop = at + rng.choice([0, 1, 1, 2, 5, 20])
        source = rng.randrange(len(words) + 1)
        copied = words[source : source + rng.choice([1, 1, 3, 10])]
        words[at:stop] = rng.choice([[], copied, [rng.choice(VOCABULARY)], [rng.choice(VOCABULARY)]])
    return _spaced(words).encode()[:most]


def _spaced(words: list[str]) -> str:
    """Tokens as a text: a space after most, none where the language wants brackets to touch what they follow."""
    pieces = []
    for word in words:
        touches = word in ("(", "[") and pieces and (pieces[-1][-1:].isalnum() or pieces[-1] in (")", "]"))
        pieces += [word] if touches else [" ", word]
    return "".join(pieces)


def seed(corpus: Path) -> None:
    """Give an empty corpus the examples and the programs that tests have in files."""
    folders = ("examples", "tests/errors/wrong", "tests/passes/golden")
    for path in [path for folder in folders for path in (ROOT / folder).rglob("*.cnn")]:
        text = path.read_text()
        for k in range(0, len(text), LONGEST):
            (corpus / f"{path.stem}-{k}.cnn").write_text(text[k : k + LONGEST])


def main() -> None:
    folder = Path(sys.argv[1])
    targets = [word for word in sys.argv[2:] if word in TARGETS] or list(TARGETS)
    corpus, findings = folder / "corpus", folder / "findings"
    findings.mkdir(parents=True, exist_ok=True)
    if not corpus.exists():
        corpus.mkdir()
        seed(corpus)
    escaped = [word.replace("\\", "\\\\").replace('"', '\\"') for word in VOCABULARY]
    (folder / "words.dict").write_text("".join(f'"{word}"\n' for word in escaped))
    options = [
        f"-dict={folder / 'words.dict'}",
        f"-artifact_prefix={findings}/",
        f"-max_len={LONGEST}",
        f"-rss_limit_mb={MEGABYTES}",
        "-timeout=120",
        *(word for word in sys.argv[2:] if word.startswith("-")),
    ]

    def one(data: bytes) -> None:
        for target in targets:
            run(data, target, findings)

    atheris.Setup([sys.argv[0], *options, str(corpus)], one, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
