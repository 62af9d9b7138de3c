"""Words, numbers and texts that people or programs put where something else was meant."""

from __future__ import annotations

import random

NUMBERS = ["0", "-1", "1", "2", "0.5", "-0.0", "1e-320", "1e30", "1e400", "nan", "inf", "-inf", "2147483648",
           "4294967296", "-9223372036854775809", "99999999999999999999", "1e18", "010", "1_1", "1:30", "0x1f", "1e5"]  # fmt: skip
WORDS = [
    "null",
    "~",
    "true",
    "no",
    "off",
    "None",
    "NaN",
    "default",
    "train",
    "good",
    "label",
    "text",
    "nothing",
]
NESTED = ["[]", "{}", "[null]", "[[]]", "[a,[b,{c:d}]]", "{a:1}", "{0:bad}", "{a:{b:{c:d}}}", "[1,a,null,true]",
          "[a,a]", "[good]", "[bad,good]", "['']", "{'':''}", "[0.9,0.9,0.9]", "[1,1]", "[-1,0.5]", "{_target_:os.system}"]  # fmt: skip
SIGNS = ["", " ", "'", '"', "''", "'a b'", "a=b", "a:b", "a,b", "a, b", "=1+1", "a|b", "%s%n", "{lang}", "{0}",
         "{lang.x}", "\\", "\\'", "*", "&a", "!!python/name:os.system", "<b>x</b>", "#", "@", "-", "--help", "a\tb"]  # fmt: skip
PLACES = [
    "/",
    ".",
    "..",
    "~nobody/x",
    "../../x",
    "a/b",
    "./x",
    "/dev/null",
    "file.csv",
    "a//b",
    "org/",
    "/nothing/here",
]
SUBSTITUTED = ["${seed}", "${task.name}", "${nothing}", "${", "${oc.env:NOTHING}", "${..}", "${.}", "${oc.select:x}",
               "???", "${task}", "${oc.decode:'['}", "choice(1,2)", "range(1,3)", "glob(*)", "int(x)", "sort(b,a)",
               "extend_list(1)", "float(nan)", "str(1)", "json_str('{')", "${x", "$x", "${nothing:1}"]  # fmt: skip
UNICODE = [
    "é",
    "日本語",
    "\u202eabc",
    "\x1b[2J",
    "a\nb",
    "😀",
    "e\u0301",
    "\ufeff",
    "\u2028",
    "\x85",
    "İ",
    "\x07",
    "x" * 3000,
]
CODE = ["os.system", "shutil.rmtree", "builtins.print", "benchmark.places.in_home", "benchmark.embedded.folder.built_once",
        "benchmark.embedded.tasks.build", "benchmark.embedded.encoder.build", "nothing.here", "__main__.x"]  # fmt: skip
ALL = [CODE, NUMBERS, WORDS, NESTED, SIGNS, PLACES, SUBSTITUTED, UNICODE]


def word(rng: random.Random) -> str:
    """A word of any sort."""
    return rng.choice(rng.choice(ALL))


def mangled(rng: random.Random, text: str) -> str:
    """A text with one to three changes, of characters or of whole lines."""
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(text) + 1)
        lines = text.split("\n")
        row = rng.randrange(len(lines))
        change = rng.randrange(8)
        if change == 0:
            text = text[:at] + text[at + rng.randint(1, 3) :]
        elif change == 1:
            text = text[:at] + rng.choice("\"'[]{}:,#&*!|>%@`\t \n\\-?~\x00\x01\ufeff\u2028é0") + text[at:]
        elif change == 2:
            text = text[:at]
        elif change == 3:
            text = "\n".join([*lines[:row], lines[row], *lines[row:]])
        elif change == 4:
            text = "\n".join([*lines[:row], *lines[row + 1 :]])
        elif change == 5:
            text = "\n".join([*lines[:row], " " * rng.randint(1, 3) + lines[row], *lines[row + 1 :]])
        elif change == 6:
            key, colon, _ = lines[row].partition(":")
            text = "\n".join([*lines[:row], f"{key}{colon} {word(rng)}", *lines[row + 1 :]])
        else:
            text = text[:at] + word(rng) + text[at:]
    return text
