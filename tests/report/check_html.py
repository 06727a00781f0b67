#!/usr/bin/env python3
"""Fails where an HTML file is not well formed: an element not closed in its turn, a name (id) that comes twice or is
used and not there, something loaded from elsewhere."""

import html.parser
import re
import sys

VOID = {"meta", "br", "hr", "img", "link", "input"}


class Checker(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.faults, self.names, self.used = [], [], set(), set()

    def fault(self, text):
        self.faults.append(f"line {self.getpos()[0]}: {text}")

    def attributes(self, tag, attributes):
        for key, value in attributes:
            value = value or ""
            if key == "id":
                if value in self.names:
                    self.fault(f"the name {value} comes twice")
                self.names.add(value)
            if key in ("href", "xlink:href") and value.startswith("#"):
                self.used.add(value[1:])
            self.used.update(re.findall(r"url\(#([^)]*)\)", value))
            if key in ("src", "srcset", "href", "xlink:href") and re.match(r"[a-z]+:|//", value):
                self.fault(f"<{tag}> loads {value}")
            if key.startswith("on"):
                self.fault(f"<{tag}> has a script in {key}")
        if tag in ("script", "iframe", "link"):
            self.fault(f"<{tag}>")

    def handle_starttag(self, tag, attributes):
        self.attributes(tag, attributes)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.attributes(tag, attributes)

    def handle_endtag(self, tag):
        if self.open and self.open[-1] == tag:
            self.open.pop()
        else:
            self.fault(f"</{tag}> where <{self.open[-1] if self.open else 'nothing'}> is open")


def main(path):
    with open(path, encoding="utf-8") as file:  # an error where it is no UTF-8
        text = file.read()
    checker = Checker()
    checker.feed(text)
    checker.close()
    faults = checker.faults + [f"<{tag}> is not closed" for tag in checker.open]
    faults += [f"#{name} is nowhere" for name in sorted(checker.used - checker.names)]
    if not text.startswith("<!DOCTYPE html>") or checker.names == set():
        faults.append("no HTML document")
    if re.search(r"@import|url\((?!#)", text):
        faults.append("a style loads something")
    print("\n".join(faults[:20]) or f"{len(checker.names)} names, no fault")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
