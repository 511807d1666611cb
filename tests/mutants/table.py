"""Deliberate faults of the compiler and its runtime: each must fail the tests that it names."""

from typing import NamedTuple

CONVOLUTIONS = "tests/native/test_convolutions.py::test_convolutions_stay_within_the_bound"
WINOGRAD = "tests/native/test_winograd.py"
FETCHES = f"{WINOGRAD}::test_images_larger_than_caches_are_fetched_ahead"
TRANSPOSED = "tests/native/test_transposed.py"
POOLS = "tests/native/test_pools.py"
SCORES = "tests/native/test_scores.py"
PLACES = "tests/native/test_places.py"
IMAGES = "tests/native/test_images.py"
JOINS = "tests/native/test_joins.py"
ELEMENTWISE = "tests/native/test_elementwise.py"
ENDS = "tests/native/test_ends.py"
RARITIES = "tests/native/test_rarities.py"
RUNNER = "tests/native/test_runner.py"
BATCHES = "tests/native/test_batches.py"
ARENA = "tests/native/test_arena.py"
THREADS = "tests/driver/test_threads.py"
PASSES = "tests/passes"


class Mutant(NamedTuple):
    """`text`, which is found once in `file`, becomes `replacement`; `breaks` says what goes wrong then."""

    file: str
    text: str
    replacement: str
    breaks: str
    tests: str


def _of(folder: str, *rows: tuple[str, str, str, str, str]) -> list[Mutant]:
    return [Mutant(f"{folder}/{file}", *rest) for file, *rest in rows]


KERNELS = _of(
    "compiler/codegen/kernels",
    ("direct.py", "x = e.min_int(column, last_tile)", "x = column", "the last tile runs past its row", CONVOLUTIONS),
    ("direct.py", "e.sub_int(part, full)", "0", "a short last block starts at a full one's weights", CONVOLUTIONS),
    ("direct.py", "last = e.add_int(first, (self.pixels - 1) * self.step)", "last = first",
     "a tile skips the columns that only its first pixel skips", CONVOLUTIONS),
    ("direct.py", "room = e.max_int(0, e.sub_int(size, first))", "room = e.max_int(0, e.sub_int(size, last))",
     "taps at the end are skipped for the last pixel's sake", CONVOLUTIONS),
    ("direct.py", "part = e.div_int(group.value, a[\"parts_groups\"])", "part = group.value",
     "a group's second tile reads the next group's inputs", CONVOLUTIONS),
    ("direct.py", "e.sub_int(a[\"kernel_height\"], high.count)", "0", "weights of skipped rows are not passed",
     CONVOLUTIONS),
    ("direct.py", "place = e.mul_int(x, size * self.spread)", "place = e.mul_int(x, size)",
     "a phase's tiles lie too close", TRANSPOSED),
    ("outer.py", "p * pitch + 4 * channel", "p * pitch", "every channel reads lane 0", CONVOLUTIONS),
    ("outer.py", "column.load(w.value, v * size)", "column.load(w.value, 0)", "vectors share weights", CONVOLUTIONS),
    ("epilogue.py", "self.e.load(extra, pixel * self.pitch)", "self.e.load(extra, 0)",
     "every pixel of a tile adds the first one's neighbour", TRANSPOSED),
    ("epilogue.py", "spread * e.target.vector_bytes", "e.target.vector_bytes",
     "spread pixels read what lies beside them too close", TRANSPOSED),
    ("epilogue.py", "e.mul_int(number, self._tables_pitch)", "0", "every vector of a tile has the first one's bias",
     CONVOLUTIONS),
    ("epilogue.py", "e.mul_int(self.a[f\"extra{i}_plane\"], number)", "0",
     "every vector of a tile has the first one's extra operand", CONVOLUTIONS),
    ("winograd.py", "start = e.min_int(start, e.sub_int(a[\"count\"], self.pixels))", "",
     "the last chunk runs past the tiles", WINOGRAD),
    ("winograd.py", "e.set(f\"or i1 {e.compare('eq', unit, lo)}, {e.compare('eq', group.value, 0)}\")",
     "e.compare('eq', group.value, 0)", "a part that begins within a block finds no data", WINOGRAD),
    ("winograd.py", "e.compare(\"sgt\", wide, x)", "e.compare(\"sgt\", wide, 0)", "a tile writes past the image",
     WINOGRAD),
    ("winograd.py", "part = e.mul_int(e.div_int(group, a[\"parts_groups\"]), a[\"parts_planes\"])", "part = 0",
     "every group reads the first one's inputs", WINOGRAD),
    ("winograd.py", "first = e.mul_int(block.value, a[\"block\"])", "first = block.value", "blocks overlap", WINOGRAD),
    ("winograd.py", "at = e.add_int(row, y * self.spread)", "at = e.add_int(row, y)", "dilated rows lie too close",
     WINOGRAD),
    ("depthwise.py", "x = e.min_int(column, last_tile)", "x = column", "the last tile runs past its row", CONVOLUTIONS),
    ("depthwise.py", "e.load(tap, p * self.step * size)", "e.load(tap, p * size)", "the stride is forgotten",
     CONVOLUTIONS),
    ("gather.py", "e.mul_int(e.mul_int(block, a[\"channels\"]), 8 * e.lanes)", "0",
     "every block gathers the first one's channels", CONVOLUTIONS),
    ("gather.py", "place = e.mul_int(x, size * self.spread)", "place = e.mul_int(x, size)",
     "a phase's pixels lie too close", TRANSPOSED),
    ("dense.py", "first = e.min_int(image, e.sub_int(a[\"images\"], self.together))", "first = image",
     "images past the last are computed", BATCHES),
    ("dense.py", "e.sub_int(a[\"inputs\"], e.mul_int(rounds, _ROUND))", "0", "the last inputs are left out", SCORES),
    ("dense.py", "Tail(e, self.epilogue, a, block, image)", "Tail(e, self.epilogue, a, block, 0)",
     "every image adds the first one's tensor", BATCHES),
    ("pool.py", "e.min_int(fits, e.sub_int(kernel, skipped))", "e.min_int(fits, kernel)",
     "a window cut off before is too long after", POOLS),
    ("pool.py", "padded_end = e.add_int(size, after)", "padded_end = size", "padding after does not count", POOLS),
    ("pool.py", "e.div_int(e.add_int(past, e.sub_int(parts, 1)), parts)", "e.div_int(past, parts)",
     "adaptive windows end too early", POOLS),
    ("pool.py", "e.mul_int(a[\"input_row\"], a[\"dilation_height\"])", "a[\"input_row\"]",
     "rows of a window are not dilated", POOLS),
    ("pool.py", "fcmp uno {e.vector} {so_far}, {so_far}", "fcmp ord {e.vector} {tap}, {tap}",
     "a maximum is its first tap", POOLS),
    ("copy.py", "channel = e.add_int(channel, a[f\"{side}_first\"])", "channel = e.add_int(channel, 0)",
     "a part is copied from the beginning", JOINS),
    ("copy.py", "DTYPES[self.source].itemsize * self.source_lanes", "DTYPES[self.source].itemsize",
     "pixels of blocked tensors are lanes", ENDS),
    ("image.py", "e.load_float(where, 4 * table)", "e.load_float(where, 0)", "every table is the first", IMAGES),
    ("image.py", "e.min_int(e.sub_int(a[\"columns\"], x), e.lanes)", "e.lanes", "rows are read past their end", IMAGES),
    ("lrn.py", "(self.size - 1) // 2 + 1)", "self.size // 2 + 1)", "an even window has a channel too many", SCORES),
    ("lrn.py", "e.choose(missing, e.vector, \"zeroinitializer\", square)", "square",
     "blocks past the ends are the block itself", SCORES),
    ("lrn.py", "e.choose_lanes(mask, e.load(where), \"zeroinitializer\")", "e.load(where)",
     "lanes past the last channel count", SCORES),
    ("lrn.py", "(1 - d) * e.lanes", "0", "every block ends where this one does", SCORES),
    ("lrn.py", "e.max_int(0, e.sub_int(channel, self.size // 2))", "0", "all channels before are neighbours", RARITIES),
    ("map.py", "e.mul_int(row.number, a[\"input_row\"])", "e.mul_int(row.number, a[\"output_row\"])",
     "an input is read with the output's rim", ELEMENTWISE),
    ("move.py", "e.compare(\"sge\", where, 0)", "e.compare(\"sgt\", where, 0)", "the first number is a zero", PLACES),
    ("normalize.py", "words.add(total.value, e.choose_lanes(mask, value, \"zeroinitializer\"))",
     "words.add(total.value, value)", "lanes past a run's end count for its variance", PLACES),
    ("normalize.py", "e.mul_int(e.add_int(e.mul_int(group, a[\"channels\"]), c), 4)", "e.mul_int(c, 4)",
     "every group has the first one's scale", PLACES),
    ("normalize.py", "e.div_int(e.add_int(a[\"positions\"], e.lanes - 1), e.lanes)",
     "e.div_int(a[\"positions\"], e.lanes)", "the last positions are left out", PLACES),
    ("reduce.py", "fcmp ugt {e.vector} {value}", "fcmp uge {e.vector} {value}", "the last of equals is found", PLACES),
    ("resize.py", "e.load_int(a[\"column_offsets\"], e.add_int(start, t))", "e.load_int(a[\"column_offsets\"], start)",
     "all taps of a row are the first", PLACES),
    ("rim.py", "self._zero(e, below, e.mul_int(a[\"bottom\"], a[\"row\"]))", "pass", "nothing is zeroed below",
     CONVOLUTIONS),
    ("rim.py", "self._zero(e, left, a[\"before\"])", "pass", "nothing is zeroed on the left", CONVOLUTIONS),
    ("rows.py", "number = e.sub_int(unit, e.mul_int(block, a[\"rows\"]))", "number = unit",
     "a second block's rows are counted from the first's", ELEMENTWISE),
    ("softmax.py", "e.load_masked(e.at(source, offset), mask, lowest)", "e.load_masked(e.at(source, offset), mask)",
     "the largest of a row's negative numbers is 0", SCORES),
    ("softmax.py", "e.choose_lanes(mask, power, \"zeroinitializer\")", "power", "lanes past the end count", SCORES),
)  # fmt: skip

LOWERINGS = _of(
    "compiler/codegen/lowering",
    ("conv.py", "if halves_last(out, lanes) and choice.vectors * lanes >= out else", "if halves_last(out, lanes) else",
     "tiles before the last have half a vector too", CONVOLUTIONS),
    ("conv.py", "x.plane_bytes * (inside // lanes) if groups > 1 else 0", "x.plane_bytes if groups > 1 else 0",
     "groups of several blocks overlap", CONVOLUTIONS),
    ("conv.py", ".transpose(0, 3, 4, 2, 1) for i in", ".transpose(0, 4, 3, 2, 1) for i in", "kernels are transposed",
     CONVOLUTIONS),
    ("conv.py", "reshape(blocks, lanes, *weight.shape[1:]).transpose(0, 3, 4, 2, 1)",
     "reshape(blocks, lanes, *weight.shape[1:]).transpose(0, 4, 3, 2, 1)", "kernels are transposed", CONVOLUTIONS),
    ("conv.py", "\"input_column\": stride * x.pixel_bytes", "\"input_column\": x.pixel_bytes",
     "the stride is forgotten", CONVOLUTIONS),
    ("conv.py", "\"tap_row\": window.dilation[0]", "\"tap_row\": window.dilation[1]", "rows are dilated as columns are",
     CONVOLUTIONS),
    ("conv.py", "\"row_taps\": window.dilation[0]", "\"row_taps\": 1", "dilated taps are skipped as if dense",
     CONVOLUTIONS),
    ("conv.py", "top * x.row_bytes + left * x.pixel_bytes", "top * x.row_bytes", "the first tap is no padding",
     CONVOLUTIONS),
    ("winograd.py", "(tile.row - top) * x.row_bytes", "tile.row * x.row_bytes", "tiles begin below their padding",
     WINOGRAD),
    ("winograd.py", "np.repeat(table[-1:], together, 0)", "table[:0]", "a block past the last is fetched", FETCHES),
    ("winograd.py", "scratch=points * (data + products)", "scratch=points * data", "products have no memory", WINOGRAD),
    ("transposed.py", "down.start * row + across.start * y.pixel_bytes", "down.start * row",
     "phases add the first column's tensor", TRANSPOSED),
    ("transposed.py", "weight[:, :, list(down.taps)]", "weight[:, :, list(down.taps)[::-1]]", "taps are in wrong order",
     TRANSPOSED),
    ("dense.py", "where.buffer.image_bytes if isinstance(where, Address) else 0", "0",
     "every image adds the first one's tensor", BATCHES),
    ("dense.py", "reshape(-1, size, weight.shape[1]).transpose(0, 2, 1)", "reshape(-1, weight.shape[1], size)",
     "weights lie as they came", SCORES),
    ("elementwise.py", "np.stack(tables, axis=1)", "np.stack(tables, axis=0)", "tables of an image are transposed",
     IMAGES),
    ("epilogue.py", "[bias, *tables]", "[*tables, bias]", "the bias is not the first table", CONVOLUTIONS),
    ("epilogue.py", "\"channel\", Address(buffer), buffer.plane_bytes, 0, buffer,",
     "\"channel\", Address(buffer), 0, 0, buffer,", "every block has the first one's numbers", CONVOLUTIONS),
    ("move.py", "rows % op.n * op.n * part", "rows % op.n * part", "rows of a pixel's parts are columns", PLACES),
    ("move.py", "2 * (size - 1) - index", "2 * size - 1 - index", "a reflection repeats the edge", PLACES),
    ("move.py", "first += sizes[axis]", "first += 0", "all parts are joined at the beginning", PLACES),
    ("norm.py", "\"size\": each * plane", "\"size\": plane", "a group is its first channel", PLACES),
    ("pool.py", "start = -(-pad[1] // stride[1])", "start = pad[1] // stride[1]",
     "a cut window counts as whole", POOLS),
    ("pool.py", "(kernel[1] - 1) * dilation[1] + 1", "kernel[1]", "dilated windows count as whole", POOLS),
    ("reduce.py", "\"output_outer\": seen[\"distance\"]", "\"output_outer\": 4", "outer positions overlap", PLACES),
    ("resize.py", "(\"column\", x.width, y.width, x.pixel_bytes)", "(\"column\", y.width, x.width, x.pixel_bytes)",
     "columns are resized the other way", PLACES),
    ("shape.py", "source_first=first", "source_first=0", "every part is the first", JOINS),
    ("shape.py", "target_first=first", "target_first=0", "all parts are copied to the beginning", JOINS),
)  # fmt: skip

PROGRAMS = _of(
    "compiler/codegen",
    ("memory.py", "lives[other][0] <= last and first <= lives[other][1]",
     "lives[other][0] < last and first < lives[other][1]", "a step's output lies over its input", ARENA),
    ("memory.py", "if at + room(buffer) <= start:", "if at <= start:", "a gap need not be large enough", ARENA),
    ("memory.py", "at = max(at, end)", "at = end", "a long neighbour is forgotten after a short one", ARENA),
    ("memory.py", "kept = batches.images(storage) > 1", "kept = False", "segments do not come again", ARENA),
    ("segments.py", "seen.setdefault(buffer.storage, segment) is not segment", "False",
     "what outlives a segment has one place", BATCHES),
    ("program.py", "-(-self.storage.bytes // ALIGNMENT)", "-(-self.bytes // ALIGNMENT)",
     "images of a part lie too close", BATCHES),
    ("program.py", "self.first * self.plane_bytes + top * self.row_bytes", "top * self.row_bytes",
     "parts lie at the beginning", JOINS),
    ("program.py", "\"top\": top, \"rows\": buffer.height", "\"top\": 0, \"rows\": buffer.height",
     "the rim's rows are shifted", CONVOLUTIONS),
    ("build.py", "+ buffer.origin + word.offset", "+ word.offset", "rims and places are forgotten", CONVOLUTIONS),
    ("build.py", "pitch = buffer.image_bytes if batches.images(buffer.storage) > 1 else 0", "pitch = 0",
     "all images of a tile share one place", BATCHES),
)  # fmt: skip

SCHEDULE = _of(
    "compiler/schedule",
    ("choose.py", "window.reach[0] - top - high", "window.reach[0] - top - high - 1", "a row of rim is missing",
     CONVOLUTIONS),
    ("choose.py", "reach = (choice.pixels - 1) * op.stride[1]", "reach = choice.pixels - 1",
     "the rim is too narrow for a stride", CONVOLUTIONS),
    ("choose.py", "tuple(map(max, rims.get(root, want), want))", "want", "the last reader decides on the rim",
     CONVOLUTIONS),
    ("choose.py", "if first % lanes == 0 and value.name not in places and _writes(",
     "if value.name not in places and _writes(", "parts begin within a block", JOINS),
    ("choose.py", "base = places.get(output, Place(output, 0))", "base = Place(output, 0)",
     "a concatenation within another lies beside it", JOINS),
    ("choose.py", "solid = not any(_root(schedule.places, value.name) in rims for value in tensors)", "solid = True",
     "rows with a rim are merged", CONVOLUTIONS),
    ("choose.py", "views = (\"slice\", \"split\", ", "views = (", "a slice is joined where nobody copied it", JOINS),
    ("choose.py", " and value in r.operands and value not in r.extras", "",
     "a planar image is added to blocks", CONVOLUTIONS),
    ("cost.py", "<= lanes // 2\n", "<= lanes // 2 + 1\n", "nine channels are computed as eight", CONVOLUTIONS),
    ("phases.py", "reads[1] - reads[0] if len(reads) > 1 else 1", "1", "dilated taps lie side by side", TRANSPOSED),
    ("phases.py", "-(-(out - start) // stride)", "(out - start) // stride", "a phase's last output is left out",
     TRANSPOSED),
    ("phases.py", "max(0, -min(phase.first for phase in axis))", "0", "no rim before the image", TRANSPOSED),
    ("tiles.py", "(min(dilation, size))", "(1)", "only the first of the interleaved images is covered", WINOGRAD),
    ("tiles.py", "dilation * (outputs + TAPS - 2)", "dilation * (outputs + TAPS - 3)", "the last tiles lack a rim",
     WINOGRAD),
    ("tiles.py", "op.stride == (1, 1) and ", "", "strides are ignored", WINOGRAD),
)  # fmt: skip

RUNTIME = _of(
    "runtime",
    ("executable.py", "tile * port.bytes, port.bytes, 0", "port.bytes, port.bytes, 0",
     "tiles of the caller's images overlap", BATCHES),
    ("executable.py", "-(-images // self._tile)", "images // self._tile", "the last tile is left out", BATCHES),
    ("executable.py", "(self.manifest.batch_tile if segment.each else 1)", "1",
     "a segment runs for the first image", BATCHES),
    ("executable.py", "len(self.inputs) + word.port", "len(self.inputs)", "every output is the first", ENDS),
    ("executable.py", "aligned(threads * manifest", "aligned(manifest", "threads share too little memory", THREADS),
    ("executable.py", "else fixed.copy()", "else fixed", "who changes a result changes the next one", RARITIES),
    ("runner.ll", "mul i64 %image, %image.pitch", "mul i64 0, %image.pitch", "images of a tile are one", BATCHES),
    ("runner.ll", "mul i64 %tile, %tile.pitch", "mul i64 0, %tile.pitch", "every tile is the first", BATCHES),
    ("runner.ll", "mul i64 %many, %counts", "mul i64 %size, %counts", "dense layers take images that are not there",
     RUNNER),
    ("runner.ll", "%exists = icmp slt i64 %image, %many", "%exists = icmp sle i64 %image, %many",
     "an image too many is run", BATCHES),
    ("runner.ll", "mul i64 %thread, %pitch", "mul i64 0, %pitch", "threads share their scratch memory", RUNNER),
    ("runner.ll", "%rest = sub i32 %others, 1", "%rest = sub i32 %others, %others",
     "the first to come opens the barrier", THREADS),
    ("runner.ll", "store atomic i32 0, ptr %arrived release", "store atomic i32 1, ptr %arrived release",
     "the next barrier opens too early", THREADS),
)  # fmt: skip

GRAPH_PASSES = _of(
    "compiler/passes",
    ("drop_dead_nodes.py", "value in graph.operands(node))", "value in graph.operands(node)[:1])",
     "a second operand is dead", PASSES),
    ("drop_identities.py", "\"channel_shuffle\": lambda op: op.n == 1", "\"channel_shuffle\": lambda op: True",
     "shuffles are dropped", PASSES),
    ("drop_identities.py", "{op.left, op.right} <= {None, *numbers}", "op.left in (None, *numbers)",
     "a number on the right is neutral", PASSES),
    ("drop_identities.py", "\"avgpool\": lambda op: op.kernel == (1, 1)", "\"avgpool\": lambda op: True",
     "means of the image's size are dropped", PASSES),
    ("fold_batchnorm.py", "variance + norm.op.eps", "variance", "eps is forgotten", PASSES),
    ("fold_batchnorm.py", "return None if padded else layer", "return layer", "padding is normalised too", PASSES),
    ("fold_batchnorm.py", " and graph.sole_reader(value) is norm else None", " else None",
     "other readers are normalised too", PASSES),
    ("fold_batchnorm.py", "bias = bias * scale + shift", "bias = bias + shift", "the bias is not scaled", PASSES),
    ("fold_constants.py", "if graph.is_output(value) or any(", "if any(",
     "a constant output is not kept", PASSES),
    ("fuse_epilogues.py", "rest = all(size == 1 for size in shape[2:])", "rest = True",
     "a row of numbers is one a channel", PASSES),
    ("fuse_epilogues.py", "node.name in self.members or self.graph.is_output(value)", "node.name in self.members",
     "an output is hidden in a region", PASSES),
    ("fuse_epilogues.py", "and all(reader.name in readers for reader, _ in self.graph.readers(value))", "",
     "what is read outside is hidden in a region", PASSES),
    ("fuse_siblings.py", "image, replace(op, channels=1)", "image, replace(op, channels=1, stride=(1, 1))",
     "strides of siblings may differ", PASSES),
    ("fuse_siblings.py", "None if activation is None else activation.op", "activation is None",
     "siblings share the first one's activation", PASSES),
    ("merge_pads.py", "or pad.mode != \"zero\"", "", "reflections become zeros", PASSES),
    ("merge_pads.py", "tuple(a + b for", "tuple(max(a, b) for", "of two pads the wider one stays", PASSES),
    ("share_subexpressions.py", ", tuple(sorted(node.weights.items()))", "", "layers with other weights are shared",
     PASSES),
)  # fmt: skip

MUTANTS = KERNELS + LOWERINGS + PROGRAMS + SCHEDULE + RUNTIME + GRAPH_PASSES
