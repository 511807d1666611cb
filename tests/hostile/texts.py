"""Programs that ask for too much. The large ones are as large as a file may be."""

from __future__ import annotations

from cnnc.compiler.frontend.elaborate.place import APPLICATIONS
from cnnc.compiler.frontend.syntax.sources import LARGEST, WORDS
from cnnc.compiler.frontend.syntax.words import length

BYTES, SIGNS = LARGEST - 1_000, WORDS - 500  # with room for what stands around them
CONSTS = SIGNS // 4


def model(stage: str = "relu", before: str = "", shape: str = "3, 8, 8") -> str:
    return f"{before}\nmodel M {{ input x: f32[N, {shape}] output y = x -> {stage} }}\n"


def filled(unit: str, share: float = 1) -> str:
    """As many copies as a file, or this share of one, holds; `%d` counts them."""
    copies = BYTES // (len(unit.encode()) + 3 * unit.count("%d"))
    if words := length(unit.replace("%d", "")):
        copies = min(copies, SIGNS // words)
    return "".join(unit.replace("%d", str(k)) for k in range(int(share * copies)))


def chain(first: str, step: str, rounds: int = 79) -> str:
    """a0 = first, and each later one made twice from the one before."""
    return f"const a0 = {first}\n" + "".join(
        f"const a{k} = {step.replace('@', f'a{k - 1}')}\n" for k in range(1, rounds + 1)
    )


def nested(opened: str, inner: str, closed: str, depth: int) -> str:
    return opened * depth + inner + closed * depth


# What is applied again and again, how many applications a round is, and what it needs.
REPEATED = {
    "relu": ("relu", 2, "", "3, 8, 8"),
    "a named relu": ("relu as n", 2, "", "3, 8, 8"),
    "a named pipe": ("(relu -> relu) as n", 3, "", "3, 8, 8"),
    "conv": ("conv(3, 3, pad=1)", 2, "", "3, 8, 8"),
    "conv and batchnorm": ("(conv(3, 3, pad=1) -> batchnorm)", 3, "", "3, 8, 8"),
    "batchnorm": ("batchnorm", 2, "", "3, 8, 8"),
    "lrn": ("lrn(3)", 2, "", "3, 8, 8"),
    "windows": ("maxpool(3, stride=1, pad=1)", 2, "", "3, H, W"),
    "windows that multiply letters": ("conv(3, 2, pad=1)", 2, "", "3, H, W"),
    "a fan": ("([relu, relu] -> add)", 5, "", "3, 8, 8"),
    "split": ("split(3) -> concat", 5, "", "3, 8, 8"),
    "a block": ("b", 3, "block b = relu", "3, 8, 8"),
    "a block of warnings": ("b", 3, "block b { input x u = 1 output y = x -> relu }", "3, 8, 8"),
    "a block of many layers": (
        "b(3, 1)",
        8,
        "block b(c, k) = conv(c, k, pad=k//2, bias=false) -> batchnorm -> relu "
        "-> conv(c, (k, k), pad=same, bias=false) -> batchnorm -> relu",
        "3, 8, 8",
    ),
    "a block of many sizes": (
        "b(3)",
        7,
        "block b(r) { input x g = x -> global_avgpool -> conv(x.channels // r, 1) -> relu -> conv(x.channels, 1) "
        "output y = x * g }",
        "3, 8, 8",
    ),
    "a block of many sizes and an alias": (
        "b(3)",
        7,
        "block b(r) { input x a = x g = x -> global_avgpool -> conv(a.channels // r, 1) -> relu -> conv(a.channels, 1) "
        "output y = a * g }",
        "3, 8, 8",
    ),
    "a block of many layers and an alias": (
        "b(3, 1)",
        8,
        "block b(c, k) { input x a = x output y = a -> conv(c, k, pad=k//2, bias=false) -> batchnorm -> relu "
        "-> conv(c, (k, k), pad=same, bias=false) -> batchnorm -> relu }",
        "3, 8, 8",
    ),
    "a block of sums": ("b", 6, "block b { input x a = x + 1 c = a * x d = c - x output y = d / 2 }", "3, 8, 8"),
    "a block with weights": ("b", 4, "block b { input x param g: f32[3, 1, 1] = 1 output y = x + g }", "3, 8, 8"),
    "a block of long names": ("b" * 400, 3, f"block {'b' * 400} = relu", "3, 8, 8"),
}


def repeated(name: str, more: int) -> str:
    """As many rounds as are allowed, or some more."""
    stage, count, before, shape = REPEATED[name]
    return model(f"repeat({APPLICATIONS // count + more}, {stage})", before, shape)


def doubled(first: str) -> str:
    """As many applications of a stage as are allowed, without `repeat`."""
    powers = [k for k in range(1, 30) if APPLICATIONS >> k & 1 and 1 << k < APPLICATIONS]
    return model("->".join(f"a{k}" for k in powers), chain(first, "@ -> @", max(powers)))


DEEP = {
    "brackets": ("(", "1", ")"),
    "lists": ("[", "1", "]"),
    "tuples": ("(1, ", "1", ")"),
    "minus": ("-", "a", ""),
    "minus of a number": ("- ", "1", ""),
    "not": ("not ", "true", ""),
    "powers": ("1**", "1", ""),
    "powers of minus": ("1**-", "1", ""),
    "if": ("if ", "true", " then true else false"),
    "then": ("if true then ", "1", " else 1"),
    "else": ("if true then 1 else ", "1", ""),
    "calls": ("max(", "1", ")"),
    "calls of calls": ("", "max", "(1)"),
    "indices": ("a[", "0", "]"),
    "indices of indices": ("", "a", "[0]"),
    "attributes": ("", "a", ".b"),
    "names": ("(", "relu", " as n)"),
    "pipes": ("(relu -> ", "relu", ")"),
    "keywords": ("conv(channels=", "1", ")"),
}
SHALLOW = {
    "a sum": "1" + filled("+1"),
    "a comparison": "1" + filled("<1"),
    "a pipe": "relu" + filled("->relu"),
    "a conjunction": "true" + filled(" and true"),
    "a list": "[" + filled("1,") + "]",
    "a list of negative numbers": "[" + filled("-1,") + "]",
    "a list of lists": "[" + filled("[],") + "]",
    "a tuple": "(" + filled("1,") + ")",
    "a call": "max(" + filled("1,") + ")",
    "named arguments": "conv(" + filled("k=1,") + ")",
    "a string": '"' + "x" * BYTES + '"',
    "a name": "x" * BYTES,
    "an unclosed string": '"' + "x" * BYTES,
    "digits": "1" * BYTES,
    "digits of a real": "0." + "1" * BYTES,
    "digits and underscores": "1_" * (BYTES // 2) + "1",
    "an exponent": "1e999999999",
    "a small exponent": "1e-999999999",
    "an exponent of many digits": "1e" + "9" * BYTES,
    "zeros": "0" * BYTES + "1",
    "blanks": " " * BYTES + "1",
    "lines": "\n" * BYTES + "1",
    "carriage returns": "\r" * BYTES + "1",
    "arrows": filled("->"),
    "stars": filled("**"),
    "dots": filled("."),
    "quotes": '"' * (2 * SIGNS),
    "quotes, odd": '"' * (2 * SIGNS + 1),
    "hashes": "#" * BYTES,
    "foreign letters": filled("é"),
    "foreign words": filled("é "),
}
WHOLE = {
    "(": filled("("),
    ")": filled(")"),
    "{": filled("{"),
    "[": filled("["),
    "-": filled("-"),
    "- apart": filled("- "),
    "=": filled("="),
    ",": filled(","),
    '"': '"' * (2 * SIGNS),
    "one line": "x" * BYTES,
    "words": filled("x "),
    "numbers": filled("1 "),
    "model": filled("model "),
    "block {": filled("block a {"),
    "if": filled("if "),
    "input": "model M { " + filled("input "),
    "as": "const a = " + filled("b as "),
    "a = (": "model M { " + filled("a = ( "),
    "a = }": "model M { " + filled("a = } "),
    "train {": "model M { " + filled("train { "),
    "bad consts": filled("const a = \n"),
    "bad statements": "model M { " + filled("a = ->\n") + "}",
    "comments": filled("# x\n"),
    "small models": filled("model M%d{input x:f32[N,1]output y=x}\n"),
    "small models with a stage": filled("model M%d{input x:f32[N,1]output y=x->relu}\n"),
    "the same model": filled("model M{input x:f32[N,1]output y=x}\n"),
    "small blocks": filled("block b%d=relu\n") + model(),
    "blocks used": filled("block b%d=relu\n", 1 / 3) + model(filled("b%d->", 2 / 3) + "relu"),
    "consts": filled("const a%d=1\n") + model(),
    "consts, the same": filled("const a=1\n") + model(),
    "consts in a chain": "".join(f"const a{k}=a{k + 1}\n" for k in range(CONSTS))
    + f"const a{CONSTS}=1\n"
    + model("conv(a0,1)"),
    "consts in a chain, backwards": "const a0=1\n"
    + "".join(f"const a{k}=a{k - 1}\n" for k in range(1, CONSTS))
    + model(f"conv(a{CONSTS - 1},1)"),
    "consts in a ring": "".join(f"const a{k}=a{(k + 1) % CONSTS}\n" for k in range(CONSTS)) + model(),
    "blocks in rings": filled("block b%d=b\n") + "block b=b\n" + model(),
    "bindings": "model M{input x:f32[N,1]\n" + filled("a%d=1\n") + "output y=x}",
    "bindings, the same": "model M{input x:f32[N,1]\n" + filled("a=1\n") + "output y=x}",
    "tensors": "model M{input x:f32[N,1]\n" + filled("a%d=x+x\n") + "output y=x}",
    "outputs": "model M{input x:f32[N,1]\n" + filled("output a%d=x\n") + "}",
    "inputs": "model M{" + filled("input x%d:f32[N,1]\n") + "output y=x0}",
    "params": "model M{input x:f32[N,1]\n" + filled("param p%d:f32[1]\n") + "output y=x}",
    "asserts": "model M{input x:f32[N,1]\n" + filled("assert true\n") + "output y=x}",
    "failing asserts": "model M{input x:f32[N,1]\n" + filled("assert false\n") + "output y=x}",
    "unknown names": "model M{input x:f32[N,1]\n" + filled("a%d=q\n") + "output y=x}",
    "tests": "model M{input x:f32[N,1]\n" + filled('test "t"{x=1}\n') + "output y=x}",
    "trains": "model M{input x:f32[N,1]\n" + filled("train{}\n") + "output y=x}",
    "settings": "model M{input x:f32[N,1] output y=x train{\n" + filled("a%d=1\n") + "}}",
    "uses": filled('use "a.cnn" as a%d\n') + model(),
    "parameters": "block b(" + filled("p%d,") + ")=relu\n" + model("b()"),
    "defaults": "block b(" + filled("p%d=1,") + ")=relu\n" + model("b()"),
    "many names for one": "model M{input x:f32[N,1]\n" + filled("a%d,") + "b=x output y=x}",
    "sizes": "model M{input x:f32[" + filled("1,") + "]output y=x}",
    "sizes, N first": "model M{input x:f32[N," + filled("1,") + "]output y=x->relu}",
    "letters": "model M{input x:f32[N," + filled("H%d,") + "]output y=x->flatten}",
}
SHARED = {
    "comparing long lists": "const a=["
    + filled("1,", 1 / 4)
    + "]\nconst b=["
    + filled("1,", 1 / 4)
    + "]\nmodel M{input x:f32[N,1]\n"
    + filled("assert a==b\n", 1 / 20)
    + "output y=x}",
    "min of a long list": "const a=["
    + filled("1,", 1 / 4)
    + "]\nmodel M{input x:f32[N,1]\n"
    + filled("assert min(a)==1\n", 1 / 2)
    + "output y=x}",
    "doubled lists compared": chain("[1]", "[@,@]", 18)
    + "model M{input x:f32[N,1]\n"
    + filled("assert a18==a18\n", 2 / 3)
    + "output y=x}",
    "doubled weights": chain("[1.0]", "[@,@]", 18)
    + "model M{input x:f32[N,1,8,8]\n"
    + filled("y%d=x->conv(1,1,weight=a18)\n", 2 / 3)
    + "output y=x}",
    "a wide body, repeated": "block b{input x a="
    + filled("1+", 2 / 3)
    + "1 output y=x->relu}\n"
    + model("repeat(30000,b)"),
    "a wide body, run again and again": "block b{input x a="
    + filled("1+", 2 / 3)
    + "1 output y=x->relu}\n"
    + model(f"repeat(30000, b as {'n' * 500})"),
    "defaults, repeated": "block b(p=" + filled("1+", 2 / 3) + "1)=relu\n" + model(filled("b->", 1 / 4) + "relu"),
    "divisions, repeated": "block b(p=" + filled("1//", 2 / 3) + "1)=relu\n" + model(filled("b->", 1 / 4) + "relu"),
    "names divided, repeated": f"block b(a=1,p=[{filled('a//a,', 2 / 3)}1])=relu\n"
    + model(filled("b->", 1 / 9) + "relu"),
    "repeated models": "".join(f"model M{k}{{input x:f32[N,1]output y=x->repeat(999,relu)}}\n" for k in range(1000)),
    "repeat keep, concat": model(f"repeat({APPLICATIONS}, relu, keep=true) -> concat"),
    "repeat of an error": model(f"repeat({APPLICATIONS}, b)", "block b = conv(3, 9)"),
    "repeat concat": model("repeat(30, [identity, identity] -> concat)"),
    "repeat wide split": model("repeat(90, split(60000) -> concat)", shape="60000"),
    "repeat 10**9": model("repeat(10**9, relu)"),
    "repeat repeats": model("repeat(10**9, repeat(10**9, relu))"),
    "repeat nothing": model("repeat(10**9, repeat(0, relu))"),
    "nested repeats": model(nested("repeat(9,", "relu", ")", 150)),
    **{f"repeat {name} too often": repeated(name, +5) for name in REPEATED},
    "a block of many sizes in a long text": filled("block q%d=relu\n", 9 / 10) + repeated("a block of many sizes", -5),
    "doubling": model("d(" * 60 + "relu" + ")" * 60, "block d(f) = f -> f"),
    "doubling blocks": model(
        "b40", "block b0 = relu\n" + "".join(f"block b{k} = b{k - 1} -> b{k - 1}\n" for k in range(1, 41))
    ),
    "doubling blocks of nothing": model(
        "b40", "block b0 = repeat(0, relu)\n" + "".join(f"block b{k} = b{k - 1} -> b{k - 1}\n" for k in range(1, 41))
    ),
    "doubling pipes": model("a79", chain("relu -> relu", "@ -> @")),
    "doubling pipes of nothing": model("a79", chain("repeat(0, relu)", "@ -> @")),
    "doubling fans": model("a79", chain("[relu]", "[@, @] -> add")),
    "doubled lists as arguments": "model M{input x:f32[N,1]\n"
    + filled("y%d=x->conv(a19,1)\n", 1 / 2)
    + "output y=x}\n"
    + chain("[1]", "[@, @]", 19),
    "a long string shown": 'const a="'
    + "x" * (BYTES // 3)
    + '"\nmodel M{input x:f32[N,1] assert false, "'
    + "{a}" * (BYTES // 6)
    + '" output y=x}',
    "a long string as an argument": 'const a="'
    + "x" * (BYTES // 3)
    + '"\nmodel M{input x:f32[N,1]\n'
    + filled("y%d=x->conv(a,1)\n", 2 / 3)
    + "output y=x}",
    "many interpolations": 'model M{input x:f32[N,1] assert false, "' + "{1}" * (BYTES // 3) + '" output y=x}',
    "a deep interpolation": 'model M{input x:f32[N,1] assert false, "{'
    + "(" * (BYTES // 3)
    + "1"
    + ")" * (BYTES // 3)
    + '}" output y=x}',
    "long names": "model " + "M" * (BYTES // 3) + "{input x:f32[N,1]output y=x->" + "r" * (BYTES // 3) + "}",
    "long weights": "block "
    + "b" * 9_000
    + "=conv(3,1)\nblock c="
    + "->".join(["b" * 9_000] * (BYTES // 9_010 - 1))
    + "\n"
    + model("repeat(9000,c)"),
    "huge sum": model("repeat(16, [identity,identity]->concat)->conv(2147483647,1)"),
    "huge lists of reals": model("normalize(a18, a18)", chain("[1.0]", "[@,@]", 18)),
    "long lists of reals": model("normalize(a, a)", "const a=[" + filled("1.5,") + "]"),
    "a long reshape": model("reshape(a)", "const a=[" + filled("1,") + "]"),
    "a long split": model("split(a)", "const a=[" + filled("1,") + "]", shape=f"{SIGNS // 2}"),
    "a long transpose": model("transpose(a)", "const a=[" + filled("1,") + "]"),
    "a long literal weight": model(
        "conv(1, 1, weight=a)", "const a=[" + filled("1.5,") + "]", shape=f"{SIGNS // 2},1,1"
    ),
    "a deep doubled list": model("conv(1, 1, weight=a999)", chain("[1]", "[@]", 999)),
    "the same weights often": model(
        "repeat(33000, conv(3, a, weight=w))",
        "const w=[" + ("[" + "1," * 90 + "],") * 90 + "]\nconst a = 90",
        shape="3,33000,33000",
    ),
    "fans": model("[" + "relu," * 19_000 + "] -> add"),
    "fans of errors": model("[" + filled("conv(1,99),") + "] -> add"),
    "shares": "model M{input x:f32[N,3,8,8]\n" + filled("share s%d=conv(3,1)\n") + "output y=x}",
    "shares applied": model("repeat(100_000, s)").replace("output", "share s = conv(3, 1) output"),
    "named often": model("repeat(100_000, conv(3,1) as c)"),
    "inputs of a block": "block b{"
    + filled("input i%d\n", 1 / 2)
    + "output y=i0}\nmodel M{input x:f32[N,1] output y=("
    + filled("x,", 1 / 3)
    + ")->b}",
}
# As many applications as are allowed. Only checking is as fast: what makes a graph of them takes as long as it takes.
ALLOWED = {
    **{f"repeat {name}": repeated(name, -5) for name in REPEATED},
    "doubled relu": doubled("relu"),
    "doubled batchnorm": doubled("batchnorm"),
    "doubled blocks": model(
        "b15", "block b0 = relu\n" + "".join(f"block b{k} = b{k - 1} -> b{k - 1}\n" for k in range(1, 16))
    ),
    "a share": "model M{input x:f32[N,3,8,8] share s=conv(3,1)->batchnorm "
    f"output y=x->repeat({APPLICATIONS // 3 - 5},s)}}",
    "doubled batchnorm in a long text": filled("block b%d=relu\n", 9 / 10) + doubled("batchnorm"),
}
HUGE = {
    "letters grow": model("repeat(100_000, upsample(3) -> maxpool(2))", shape="3, H, W"),
    "all at once": "block w(s) = s(s) block d(s) = s -> s model M { input x: f32[N, 6, 8, 8] output z = x -> w(w) "
    "output v = x -> repeat(1_000_000, relu) output u = x -> " + "d(" * 18 + "relu" + ")" * 18 + " output r = x -> "
    "split(100_000)[0] output s = x -> upsample(100_000) output t = x -> conv(2_147_483_647, 1) }",
    "doubling tuples": "model M { input x: f32[N, 3] t0 = (x, x)\n"
    + "".join(f"t{k} = (t{k - 1}, t{k - 1})\n" for k in range(1, 80))
    + "output y = t79 -> add }",
    "doubling tuples of stages": model("a79", chain("relu", "(@, @)")),
    "doubling arguments": model("b(a79)", chain("relu", "@ -> @") + "block b(f) = relu"),
    "a doubled stage shown": 'model M{input x:f32[N,1] assert false, "{a79}" output y=x}\n'
    + chain("relu -> relu", "@ -> @"),
    "a doubled stage described": model("conv(a79, 1)", chain("relu -> relu", "@ -> @")),
    "a doubled stage called": model("a79(1)", chain("relu -> relu", "@ -> @")),
    "a doubled stage in a trail": model("b(a79) -> conv(3, 99)", chain("relu -> relu", "@ -> @") + "block b(f) = relu"),
    "a doubled stage compared": model("(if a79 == a79 then relu else relu)", chain("relu -> relu", "@ -> @")),
    "a doubled stage indexed": model("a79[a79]", chain("relu -> relu", "@ -> @")),
    "a doubled list shown": 'model M{input x:f32[N,1] assert false, "'
    + "{a19}" * 1000
    + '" output y=x}\n'
    + chain("[1]", "[@, @]", 19),
    "a doubled list as an argument": model("conv(a19, 1)", chain("[1]", "[@, @]", 19)),
    "powers": model("conv(9**9**9**9, 1)"),
    "a negative power": model("conv(2**-1, 1)"),
    "zero to a negative power": model("conv(0**-1, 1)"),
    "a real power": model("scale(1e308**9)"),
    "a root of minus one": model("scale((-1)**0.5)"),
    "remainders": model("scale(1e308 % -1e-308)"),
    "overflow": model("conv(9223372036854775807 + 1, 1)"),
    "negation": model("conv(-(-9223372036854775807 - 1), 1)"),
    "huge shape": model(shape="2147483647, 2147483647, 2147483647"),
    "huge size": model(shape="9223372036854775807"),
    "huge conv": model("conv(9223372036854775807, 1)"),
    "huge kernel": model("conv(1, 9223372036854775807, pad=9223372036854775807)"),
    "huge pad": model("conv(1, 1, pad=9223372036854775807)"),
    "huge stride": model("conv(1, 1, stride=9223372036854775807)"),
    "huge dilation": model("conv(1, 2, dilation=9223372036854775807)"),
    "huge groups": model("conv(9223372036854775807, 1, groups=9223372036854775807)"),
    "huge kernels, literal": model("conv(2147483647, 1, weight=[[1]])"),
    "huge kernels, literal, wide": model("conv(1000000, 3, weight=[[1,1,1],[1,1,1],[1,1,1]])", shape="1000, 8, 8"),
    "huge transposed": model("conv_transpose(1, 9223372036854775807, stride=9223372036854775807)"),
    "huge upsample": model("upsample(10**9)"),
    "huge resize": model("resize(10**9, 10**9)"),
    "huge pool": model("adaptive_avgpool(10**9, 10**9)"),
    "huge window": model("maxpool(10**9, pad=10**9)"),
    "huge rim": model("pad(10**18)"),
    "huge reshape": model("reshape([9223372036854775807, 9223372036854775807, -1])"),
    "huge split": model("split(10**9)"),
    "huge dense": model("flatten -> dense(10**18)"),
    "huge shuffle": model("pixel_shuffle(9223372036854775807)"),
    "huge channel shuffle": model("channel_shuffle(10**18)"),
    "huge slice": model("slice(0, 10**18)"),
    "huge axis": model("softmax(axis=10**18)"),
    "huge lrn": model("lrn(10**18)"),
    "huge groupnorm": model("groupnorm(10**18)"),
    "huge param": "model M{input x:f32[N,1,1,1] param p:f32[2147483647,2147483647,1]=1 output y=x+p}",
    "a deep literal weight": model("conv(1, 1, weight=" + nested("[", "1", "]", 190) + ")"),
}
