"""An independent reader of aisr repositories: checks everything that docs/format.md says.

    python aisr_reader.py REPO [--compare DIR [--rev main] [--allow-extra]]

REPO is a `.aisr` folder or the folder it lies in. Exits with 0 and one line, or with 1 and a line
for each problem. Shares no code with aisr.
"""

import argparse
import os
import sys

from compare import compare, resolve
from history import History
from ids import Refused
from packs import check_packs
from place import read_format, read_place


def check_repository(folder: str, problems: list):
    """Checks the whole repository; gives its history, its place and the number of commits."""
    format_id = place = None
    try:
        format_id = read_format(os.path.join(folder, "format"))
    except (Refused, OSError) as error:
        problems.append(f"format: {error}")
    try:
        place = read_place(folder)
    except (Refused, OSError) as error:
        problems.append(f"log and refs: {error}")
    store = check_packs(os.path.join(folder, "packs"), problems)
    history = History(store, problems)
    history.decode_all()
    try:
        if place and format_id:
            history.check_trust(place.repo, format_id)
    except Refused as error:
        problems.append(f"trust: {error}")
    history.check_recipes()
    commits = history.check_commits()
    if place:
        history.check_pointers(place)
    return history, place, commits


def main() -> int:
    parser = argparse.ArgumentParser(description="Checks an aisr repository, byte by byte.")
    parser.add_argument("repo", help="a .aisr folder, or the folder it lies in")
    parser.add_argument("--compare", metavar="DIR", help="compare a commit with this folder")
    parser.add_argument("--rev", default="HEAD", help="the commit to compare (default: HEAD)")
    parser.add_argument("--allow-extra", action="store_true",
                        help="do not mind files that the commit does not hold")
    arguments = parser.parse_args()
    sys.setrecursionlimit(10_000)

    inner = os.path.join(arguments.repo, ".aisr")
    folder = inner if os.path.isdir(inner) else arguments.repo
    problems: list[str] = []
    try:
        history, place, commits = check_repository(folder, problems)
    except OSError as error:
        print(f"cannot read {folder}: {error}")
        return 1
    store, same = history.store, None
    if arguments.compare and place:
        try:
            oid = resolve(place, store, history.payloads, arguments.rev)
            root = history.files_of(history.payloads[oid])
            same = compare(history, root, arguments.compare, arguments.allow_extra, problems)
        except Refused as error:
            problems.append(f"{arguments.rev}: {error}")
    if problems:
        print("\n".join(problems))
        print(f"{len(problems)} problems.")
        return 1
    compared = "" if same is None else f", {same} paths as in {arguments.compare}"
    ahead = f" ({place.beyond} beyond the refs)" if place.beyond else ""
    print(f"sound: {len(store.packs)} packs, {len(store.objects)} objects, {store.bytes} bytes, "
          f"{commits} commits, {len(history.maps)} maps, {len(place.entries)} log entries{ahead}"
          f"{compared}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
