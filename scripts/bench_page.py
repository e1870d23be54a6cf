"""Measure the report page at the paper's scale: 8,523 prompts × 21 epochs, in headless Chromium.

    python scripts/bench_page.py [--prompts N] [--epochs K] [--prompts_path FILE] [--out report.html]
    python scripts/bench_page.py --old CHECKOUT_OF_AN_OLDER_COMMIT    # its page, too, by turns, and the ratio
    python scripts/bench_page.py --figures docs/figures        # only the screenshots in docs/

Trajectories are generated from a seed (a start, a ceiling and a speed per prompt, 8 samples per epoch); so are the
prompts, unless --prompts_path names a prompt file. Prints the time to write the page, its size, and from Chromium:
first contentful paint, time until interactive, and the time between frames while the threshold moves, with all
prompts and with only the selected ones in the table. Measured on a desktop screen, and on a phone screen with the
processor slowed down four times. Requires Chromium and requirements-dev.txt.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from lim.choose import choose_above  # noqa: E402
from lim.logs.trajectories import LogSummary, RewardMatrix  # noqa: E402
from lim.pipeline import Settings  # noqa: E402
from lim.prompts import prompts_of, read_prompts  # noqa: E402
from lim.prompts.rows import Rows  # noqa: E402
from lim.report.page import write_page  # noqa: E402
from lim.scores import average_curve, lim_scores  # noqa: E402
from lim.selection import Selection  # noqa: E402
from lim.utils.cli import Parser  # noqa: E402
from lim.utils.errors import InputError, run_cli  # noqa: E402

SAMPLES = 8
PROBLEMS = (
    (
        "Algebra",
        "Find the sum of all real $x$ with \\[{a}x^2 + {b}x = \\frac{{{c}}}{{{d}}}.\\]Give a common fraction.",
    ),
    ("Algebra", "If $f(x) = {a}x + {b}$ and $g(x) = \\sqrt{{x + {c}}}$, what is $f(g({d}))$ when it is an integer?"),
    ("Number Theory", "What is the remainder when ${a}^{{{b}}} + {c}$ is divided by ${d}$?"),
    ("Number Theory", "How many positive integers below ${c}{d}$ are divisible by ${a}$ but not by ${b}$?"),
    (
        "Counting",
        "In how many ways can ${a}$ red and ${b}$ blue balls be put in a row so that no two of {c} are side by side?",
    ),
    ("Geometry", "In $\\triangle ABC$, $AB = {a}$, $BC = {b}$ and $\\angle ABC = {d}^\\circ$. Find $AC^2 + {c}$."),
    (
        "Precalculus",
        "Let $\\mathbf{{v}} = \\begin{{pmatrix}} {a} \\\\ {b} \\end{{pmatrix}}$. Find $|{c}\\mathbf{{v}}|^2 - {d}$.",
    ),
    (
        "Precalculus",
        "Evaluate \\[\\sum_{{k=1}}^{{{c}}} \\left( \\frac{{{a}}}{{k}} - \\frac{{{b}}}{{k+1}} \\right).\\]",
    ),
)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
SLIDE = """async (steps) => {
  const slider = document.getElementById("theta");
  const [low, high] = [Number(slider.min), Number(slider.max)];
  const times = [];
  const frame = () => new Promise(requestAnimationFrame);
  await frame();
  let last = performance.now();
  for (let k = 0; k < steps; k++) {
    slider.value = low + (high - low) * (0.5 + 0.5 * Math.sin(k / 6));
    slider.dispatchEvent(new Event("input"));
    await frame();
    await new Promise((done) => setTimeout(done, 0));  // after the frame's own work
    times.push(performance.now() - last);
    last = performance.now();
  }
  return times;
}"""


def made_up_prompts(count: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    records = []
    for n in range(count):
        subject, text = PROBLEMS[int(rng.integers(len(PROBLEMS)))]
        a, b, c, d = (int(v) for v in rng.integers(2, 99, 4))
        records.append(
            {
                "id": f"made-up-{n:05d}",
                "prompt": text.format(a=a, b=b, c=c, d=d),
                "level": int(rng.integers(1, 6)),
                "subject": subject,
            }
        )
    return records


def made_up_selection(records: list[dict[str, Any]], epochs: int, rng: np.random.Generator) -> Selection:
    """LIM at 0.6 on trajectories that get harder with the level: some prompts are never answered right, some always
    were, the rest are learned; 4 % of (prompt, epoch) are missing."""
    count = len(records)
    level_P = np.array([float(record.get("level", 3)) for record in records])
    ceiling_P = rng.beta(6 - level_P, 1 + 0.4 * level_P)
    start_P = ceiling_P * rng.beta(0.6, 1.5, count)
    hopeless_P = rng.random(count) < 0.05 * level_P**1.2
    trivial_P = ~hopeless_P & (rng.random(count) < 0.4 - 0.07 * level_P)
    ceiling_P[hopeless_P] = start_P[hopeless_P] = 0.01
    ceiling_P[trivial_P] = start_P[trivial_P] = 0.97
    speed_P = rng.gamma(2.0, 0.12, count)
    rate_P_K = start_P[:, None] + (ceiling_P - start_P)[:, None] * (1 - np.exp(-speed_P[:, None] * np.arange(epochs)))
    rewards_P_K = 1.5 * rng.binomial(SAMPLES, rate_P_K) / SAMPLES - 0.5
    rewards_P_K[rng.random(rewards_P_K.shape) < 0.04] = np.nan
    average_K = average_curve(rewards_P_K)
    scores_P = lim_scores(rewards_P_K, average_K)
    counts_P_K = np.where(np.isnan(rewards_P_K), 0, SAMPLES).astype(np.int32)
    ids = [record["id"] for record in records]
    log = LogSummary("made-up trajectories", "lim", epochs, 0, samples=int(counts_P_K.sum()), epochs_in_log=epochs)
    log = replace(log, min_reward=-0.5, max_reward=1.0, spread=1.0)
    return Selection(
        prompts=prompts_of(Rows("prompts.json", records)),
        scores_P=scores_P,
        reasons=[None] * count,
        chosen_P=choose_above(scores_P, 0.6),
        matrix=RewardMatrix(ids, rewards_P_K, (rewards_P_K + 0.5) / 1.5, counts_P_K),
        average_K=average_K,
        settings=Settings(missing="observed").resolved(),
        log=log,
        notes=["Made-up data, to measure this page with."],
    )


def measure(path: Path, chromium: str, size: tuple[int, int], slower: int) -> dict[str, list[float]]:
    """Milliseconds by name, in a fresh browser on a processor `slower` times slower than this one."""
    from playwright.sync_api import sync_playwright

    found: dict[str, list[float]] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": size[0], "height": size[1]})
        throttle = page.context.new_cdp_session(page)
        throttle.send("Emulation.setCPUThrottlingRate", {"rate": slower})
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready]", state="attached")
        found["ready"] = [page.evaluate("performance.now()")]
        paint = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
        page.wait_for_function(f"{paint} !== null")
        found["first paint"] = [page.evaluate(paint)]
        found["frame, all"] = page.evaluate(SLIDE, 120)
        page.locator("#filter input[value=chosen]").check()
        found["frame, chosen"] = page.evaluate(SLIDE, 120)
        browser.close()
    return found


def show(name: str, measured: dict[str, dict[str, list[float]]]) -> None:
    """Each page's times, and the first one's medians as shares of the others'."""
    for which, found in measured.items():
        for what, times in found.items():
            middle, high, most = np.percentile(times, [50, 95, 100])
            ratio = f"   this / {which} {np.median(measured[''][what]) / middle:.2f}" if which else ""
            print(
                f"{name:22} {what:14} {which:5} median {middle:6.0f} ms   95 % {high:6.0f} ms   "
                f"max {most:6.0f} ms   n {len(times)}{ratio}"
            )


def screenshots(path: Path, chromium: str, folder: Path) -> None:
    """The page on a desktop and, with a prompt opened, on a phone in the dark scheme."""
    from PIL import Image
    from playwright.sync_api import sync_playwright

    folder.mkdir(parents=True, exist_ok=True)
    shots = [("report.png", (1440, 1000), "light", 1, 0), ("report-phone.png", (390, 844), "dark", 2, 2)]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for name, (width, height), scheme, scale, row in shots:
            page = browser.new_page(
                viewport={"width": width, "height": height}, color_scheme=scheme, device_scale_factor=scale
            )
            page.goto(path.as_uri())
            page.wait_for_selector("html[data-ready]", state="attached")
            if row:
                page.evaluate("document.getElementById('prompts').scrollIntoView()")
                page.locator("#rows tr").nth(row).click()
            page.screenshot(path=folder / name)
            with Image.open(folder / name) as picture:
                picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(folder / name, optimize=True)
        browser.close()


def main(argv: list[str] | None = None) -> int | None:
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=8523)
    parser.add_argument("--epochs", type=int, default=21)
    parser.add_argument("--prompts_path", help="take the prompts from this prompt file")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", help="keep the page here")
    parser.add_argument("--old", metavar="FOLDER", help="a checkout of an older commit, to compare with")
    parser.add_argument("--figures", help="make the screenshots in this folder instead of measuring")
    parser.add_argument("--no_browser", action="store_true", help="write the page, measure nothing in a browser")
    args = parser.parse_args(argv)
    rng = np.random.default_rng(args.seed)
    records = read_prompts(args.prompts_path) if args.prompts_path else made_up_prompts(args.prompts, rng)
    selection = made_up_selection(records, args.epochs, rng)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(args.out or f"{folder}/report.html").resolve()
        start = time.perf_counter()
        write_page(selection, path)
        seconds, size = time.perf_counter() - start, path.stat().st_size
        print(f"{len(records):,} prompts × {args.epochs} epochs: written in {seconds:.2f} s, {size / 1e6:.2f} MB")
        if args.no_browser:
            return None
        chromium = next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)
        if chromium is None:
            raise InputError("no Chromium on this machine; on Debian and Ubuntu: apt-get install chromium")
        if args.figures:
            screenshots(path, chromium, Path(args.figures))
            return None
        pages = {"": path}
        if args.old:
            pages["older"] = Path(folder) / "older.html"
            flags = ["--prompts", str(args.prompts), "--epochs", str(args.epochs), "--seed", str(args.seed)]
            flags += ["--prompts_path", str(Path(args.prompts_path).resolve())] if args.prompts_path else []
            words = [sys.executable, "scripts/bench_page.py", "--no_browser", "--out", str(pages["older"]), *flags]
            subprocess.run(words, cwd=args.old, check=True)
            print(f"size / older: {size / pages['older'].stat().st_size:.3f}")
        for name, screen, slower in (("desktop", (1440, 900), 1), ("phone, CPU 4 × slower", (390, 844), 4)):
            measured: dict[str, dict[str, list[float]]] = {which: {} for which in pages}
            for _ in range(args.repeats):
                for which, page in pages.items():
                    for what, times in measure(page, chromium, screen, slower).items():
                        measured[which].setdefault(what, []).extend(times)
            show(name, measured)
    return None


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
