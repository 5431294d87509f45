"""What libraries cost: fingerprints once, scores of every molecule each round, memory all the while.

Table: ``zinc250k_library/zinc.txt.gz``, 249,455 molecules (``--molecules`` takes the first of them only).

1. Fingerprints of molecules read from SMILES, as the store makes them, against plain RDKit (parse, then
   ``GetSparseCountFingerprint``) on the same molecules, block by block in turn, in processor time of one process: the
   ratio of the rates. Then the whole library is stored, and its fingerprints are read back: molecules per second of
   wall time, every one of them as entries of an array, the median of five passes.
2. A Tanimoto process with 1,000 labels (``--labels``) scores every molecule of libraries of ``--sizes``, made by
   repeating the stored one on disk: expected improvement and a shortlist, as a round does it. Each size has a process
   of its own, with ``--threads`` threads; its largest resident memory is that of the whole process, torch and the fit
   included, and whatever of the memory map lies in memory just then: of 10^7 molecules up to all, which the machine
   takes back when memory is short. So the mark is that of 10^6. The processor time of a molecule at the largest size
   over that at the second largest says whether cost is proportional. With ``--device cuda`` a GPU looks over them.
3. Extremely randomised trees on the same labels beside it (no mark).
4. Five message-passing networks trained together on 1,000 molecules (QM9's gap, a random split), 30 epochs, beside as
   many of the package chemprop, one after another, where its environment is (``make peers``): error, processor time.
   Run by the functions of ``learning.py``, which does so on more tables and sizes.

    python benchmarks/scale.py --data DIR
    python benchmarks/scale.py --data DIR --sizes 10000,100000,1000000,10000000
"""

from __future__ import annotations

import argparse
import resource
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from harness import Mark, arguments, finish
from learning import of_package, score
from learning_scores import Score, beside_package
from peers import PeerMissing

from flows.libraries.files import ArrayWriter, mapped
from flows.libraries.opening import opened
from flows.libraries.reader import Reader
from flows.libraries.store import Store
from loop.molecules.packed import MORGAN, PackedCounts, generator_of, pack
from loop.spec.space_models import MoleculeSpec

LABELS = 1_000  # of the marks
BLOCK, BLOCKS = 100, 100  # molecules whose fingerprints are made in turn, and how often
BATCH = 100_000  # fingerprints read back at once
TARGET = "logp"
ENSEMBLE, TABLE, ASKED = "dmpnn", "qm9_gap", 500  # of networks beside the package, and how many it predicts


def structures(data: Path, n: int) -> list[str]:
    """The first ``n`` SMILES of the library; its file is a gzipped tar of one member."""
    with tarfile.open(data / "zinc250k_library" / "zinc.txt.gz") as archive:
        member = archive.extractfile(archive.getmembers()[0])
        assert member is not None
        return member.read().decode().split()[:n]


def fingerprint_rates(smiles: list[str]) -> tuple[float, float]:
    """Molecules per second of processor time: ours, and plain RDKit's."""
    from rdkit import Chem

    spent = {"ours": 0.0, "plain": 0.0}
    generator = generator_of(MORGAN)
    for start in range(0, BLOCK * BLOCKS, BLOCK):
        some = smiles[start : start + BLOCK]
        for name in ("ours", "plain") if start // BLOCK % 2 else ("plain", "ours"):
            begin = time.process_time()
            if name == "ours":
                pack(map(Chem.MolFromSmiles, some))
            else:
                for s in some:
                    generator.GetSparseCountFingerprint(Chem.MolFromSmiles(s))
            spent[name] += time.process_time() - begin
    n = min(len(smiles), BLOCK * BLOCKS)
    return n / spent["ours"], n / spent["plain"]


def read_back(counts: PackedCounts) -> float:
    """Molecules per second of wall time whose stored fingerprints are taken into arrays: median of five passes."""
    passes = []
    for _ in range(5):
        begin = time.perf_counter()
        for start in range(0, len(counts), BATCH):
            rows = counts.rows(np.arange(start, min(start + BATCH, len(counts)), dtype=np.int64))
            assert len(rows.features.copy()) == len(rows.counts.copy())
        passes.append(time.perf_counter() - begin)
    return len(counts) / float(np.median(passes))


def repeated(source: Path, target: Path, size: int) -> None:
    """A stored library of ``size`` molecules: those of another, again and again."""
    arrays, writer = mapped(source), ArrayWriter(target)
    n = len(arrays["places"])
    for done in range(0, size, n):
        take = min(n, size - done)
        for name, end in (
            (f"{MORGAN}.indptr", (f"{MORGAN}.columns", f"{MORGAN}.counts")),
            ("smiles.offsets", ("smiles.data",)),
        ):
            pointers = arrays[name][: take + 1]
            before = done // n * int(arrays[name][-1])
            writer.append(name, pointers[1 if done else 0 :] + before)
            for other in end:
                writer.append(other, arrays[other][: pointers[-1]])
        writer.append(f"{MORGAN}.totals", arrays[f"{MORGAN}.totals"][:take])
    for name in ("smiles.hashes", "smiles.order", f"{MORGAN}.vocabulary"):  # a text is found where it comes first
        writer.append(name, arrays[name])
    writer.close()


def scoring(
    folder: Path, size: int, member: str, threads: int, seed: int, labels: int = LABELS, device: str = "cpu"
) -> dict[str, float]:
    """Seconds to fit some labels and to score a whole library, and the largest resident memory in GB."""
    import torch
    from rdkit import Chem
    from rdkit.Chem import Crippen

    from loop.acquisition.protocol import Question
    from loop.acquisition.streaming import expected_improvement_score, shortlist
    from loop.objective import Goal, Objective, Target
    from loop.space import Component, ProductPool, Space
    from loop.surrogates.feasibility import Feasibility
    from loop.surrogates.protocol import TrainingSet
    from loop.surrogates.registry import surrogate

    torch.set_num_threads(threads)
    library = opened(folder, f"repeated {size}", Store(folder))
    space = Space((Component("molecule", library.names, library.structures, is_library=True),))
    rows = np.random.default_rng(seed).choice(min(size, 200_000), labels, replace=False)
    x = torch.from_numpy(rows.astype(np.float64))[:, None]
    values = [Crippen.MolLogP(Chem.MolFromSmiles(library.structures[int(i)])) for i in rows]
    y = torch.tensor(values, dtype=torch.float64)
    begin = time.perf_counter()
    fitted = surrogate(member, space, device=device).fit(
        space, TrainingSet(x, y, torch.full_like(y, torch.nan)), seed=seed
    )
    fit = time.perf_counter() - begin
    question = Question(
        space, Objective((Target(TARGET, Goal.MAXIMIZE),)), (fitted,), Feasibility(), ProductPool(space), x,
        torch.empty((0, 1), dtype=torch.float64), x.numpy(), seed,
    )  # fmt: skip
    begin, cpu = time.perf_counter(), time.process_time()
    best = shortlist(question, expected_improvement_score(question, 0, float(y.max())))
    wall, cpu = time.perf_counter() - begin, time.process_time() - cpu
    assert len(best)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {"size": size, "fit": fit, "wall": wall, "processor": cpu, "memory": memory}


def scored(
    folder: Path, sizes: list[int], member: str, threads: int, seed: int, labels: int, device: str
) -> Iterator[dict[str, float]]:
    """``scoring`` of each size, each in a fresh process, so that its memory is its own."""
    for size in sizes:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
            yield fresh.submit(scoring, folder / str(size), size, member, threads, seed, labels, device).result()


def ensembles(data: Path, networks: int, seed: int, labels: int = LABELS) -> list[Score]:
    """Our ensemble, and as many networks of the package on the same molecules; ours alone where it is not there."""
    from loop.surrogates.names import SURROGATES

    others = {*SURROGATES, f"committee + {ENSEMBLE}"} - {ENSEMBLE}
    found = score(data, TABLE, "random", labels, seed, [ENSEMBLE], ASKED, others)
    try:
        found += of_package(data, TABLE, "random", labels, seed, ASKED, networks)
    except PeerMissing as missing:
        print(f"chemprop was not run, and has no mark: {missing}")
    for s in found:
        print(f"{s.method:12s} {s.labels} molecules: error {s.error:.3f}, {s.cpu:.1f} s of processor time")
    return found


def more(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--molecules", type=int, default=249_455, help="of the table (default: all)")
    parser.add_argument("--labels", type=int, default=LABELS, help="that are learnt (default 1000, as marked)")
    parser.add_argument("--threads", type=int, default=2, help="of the process that scores (default 2)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="that looks over libraries")
    parser.add_argument(
        "--sizes",
        type=lambda text: [int(n) for n in text.split(",")],
        default=[10_000, 100_000, 1_000_000],
        help="of the libraries that are scored, rising (default 10000,100000,1000000)",
    )
    parser.add_argument(
        "--members",
        type=lambda text: text.split(","),
        default=["tanimoto", "trees"],
        help="that score, of which the marks are tanimoto's (default tanimoto,trees)",
    )
    parser.add_argument(
        "--networks",
        type=int,
        default=5,
        help="of chemprop, beside our ensemble of 5 (default 5; 0: neither)",
    )
    parser.add_argument("--store", type=Path, help="keep the stored library here for the next run")


def main() -> int:
    args = arguments(__doc__ or "", runs=1, more=more)
    smiles = structures(args.data, args.molecules)
    ours, plain = fingerprint_rates(smiles)
    print(
        f"fingerprints of {min(len(smiles), BLOCK * BLOCKS)} molecules: {ours:.0f} per s of one core, RDKit {plain:.0f}"
    )
    measured: dict[str, Any] = {"fingerprints": ours, "plain": plain}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "library.smi").write_text("\n".join(smiles) + "\n")
        store = Store(args.store or folder / "store", workers=args.jobs)
        begin = time.perf_counter()
        stored, _ = Reader(store, folder).read(MoleculeSpec(type="molecule", file="library.smi"))
        built = time.perf_counter() - begin
        again = time.perf_counter()
        Reader(store, folder).read(MoleculeSpec(type="molecule", file="library.smi"))
        again = time.perf_counter() - again
        print(
            f"library of {stored.molecules} stored in {built:.1f} s by {args.jobs} processes, "
            f"found again in {again:.2f} s"
        )
        library = store.library(stored.key)
        assert library is not None
        cached = read_back(library.structures.counts())
        print(f"fingerprints from the store: {cached:.3g} per s")
        for size in args.sizes:
            repeated(store.place(stored.key), folder / str(size), size)
        print("member    molecules      fit s    score s   cpu s   per 10^6   memory GB")
        found: dict[str, list[dict[str, float]]] = {}
        for member in args.members:
            found[member] = []
            for row in scored(folder, args.sizes, member, args.threads, args.seed, args.labels, args.device):
                found[member].append(row)
                each = 1e6 * row["wall"] / row["size"]
                print(
                    f"{member:9s} {row['size']:10.0f} {row['fit']:10.1f} {row['wall']:10.1f} {row['processor']:7.1f} "
                    f"{each:10.1f} {row['memory']:11.2f}"
                )
    beside = ensembles(args.data, args.networks, args.seed) if args.networks else []
    measured["networks"] = [asdict(s) for s in beside]
    measured |= {"stored_s": built, "found_s": again, "cached": cached, "scored": found}
    each = [row["processor"] / row["size"] for row in found["tanimoto"]]
    million = min(found["tanimoto"], key=lambda row: abs(row["size"] - 1e6))
    marks = [
        Mark("fingerprints over plain RDKit's, per core", ours / plain, 0.9),
        Mark("fingerprints from the store, per second", cached, 1e6),
        Mark(
            f"scoring {million['size']:.0f} molecules by {args.labels} labels, seconds",
            million["wall"],
            60.0 if args.device == "cpu" else 3.0,
            at_most=True,
        ),
        Mark(f"resident memory with {million['size']:.0f} molecules, GB", million["memory"], 2.0, at_most=True),
    ]
    if len(each) > 1:
        marks.append(
            Mark("cost of a molecule, largest over second largest library", each[-1] / each[-2], 1.25, at_most=True)
        )
    marks += beside_package(beside, [ENSEMBLE])
    return finish(marks, args, measured)


if __name__ == "__main__":
    sys.exit(main())
