"""`cnnc run`: a network's answers for pictures and arrays."""

from __future__ import annotations

from pathlib import Path

import click

from cnnc.cli.failure import Trace, note
from cnnc.cli.numbers import Whole
from cnnc.cli.options import Subject, as_json, subject


@click.command("run", short_help="Run a network on pictures or arrays.")
@subject(weights=True, native=True)
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option("--interpret", is_flag=True, help="Run the NumPy reference in place of native code.")
@click.option("--top", type=Whole(1), default=1, show_default=True, help="How many classes to name.")
@click.option("--labels", type=click.Path(path_type=Path), help="A text file with the name of a class a line.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="An .npz or .png file, or a folder of .png files."
)
@as_json
@click.pass_obj
def command(
    trace: Trace,
    subject: Subject,
    files: tuple[Path, ...],
    interpret: bool,
    top: int,
    labels: Path | None,
    output: Path | None,
    format: str,
) -> None:
    """Run a network on pictures (PNG, JPEG), folders of them, and arrays (.npy, .npz).

    Pictures are brought to the size and channels of the input; sizes that the model leaves free are the picture's.
    """
    from cnnc.cli.answers import Answer, Labels, as_text, to_json
    from cnnc.cli.results import writer
    from cnnc.cli.samples import Reader, expand

    names = Labels.read(labels)
    reader = Reader(subject)
    write = writer(output)
    nets = {}
    answers = []
    for path in expand(files):
        sample = reader.read(path)
        for remark in sample.remarks:
            note(f"{path.name}: {remark}")
        key = tuple(sorted(sample.sizes.items()))
        if key not in nets:
            network = subject.network(sample.sizes)
            nets[key] = subject.interpret(network) if interpret else subject.compile(network, trace)
        outputs, fixed = nets[key].run(sample.arrays), {port.name for port in nets[key].outputs if not port.batched}
        write.add(path, outputs)
        answers += [
            Answer(sample.title(k), {n: array if n in fixed else array[k] for n, array in outputs.items()})
            for k in range(len(sample))
        ]
    write.close()
    if format == "json":
        click.echo(to_json(answers, names, top))
    elif output is None or any(answer.has_scores for answer in answers):
        click.echo(as_text(answers, names, top))
