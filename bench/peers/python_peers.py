"""One trial of a Python peer (hnswlib, faiss): the job as JSON on stdin, one JSON line on stdout.

The counterpart of trial.ts; contract.ts says what the fields mean. All queries go to C++ in one call
on one thread, so that Python's own cost per call is not part of the figures.
"""

import base64
import importlib.metadata
import json
import os
import sys
import time

import numpy as np

WARM_UP = 100
# A point lasts at least so long, as in trial.ts.
LEAST_S = 0.25
NO_ROW = 0xFFFFFFFF


class Hnswlib:
    def __init__(self, job):
        import hnswlib

        self.module, self.job = hnswlib, job
        space = "ip" if job["meta"]["metric"] == "dot" else "l2"
        self.index = hnswlib.Index(space=space, dim=job["meta"]["dim"])
        # The module itself does not say.
        self.version = importlib.metadata.version("hnswlib")

    def build(self, base):
        job = self.job
        self.index.init_index(
            max_elements=len(base), M=job["M"], ef_construction=job["efConstruction"], random_seed=42
        )
        self.index.add_items(base, num_threads=job["threads"])

    def save(self):
        self.index.save_index(self.job["index"])

    def open(self):
        self.index.load_index(self.job["index"])
        self.index.set_num_threads(1)

    def search(self, queries, k, ef):
        self.index.set_ef(ef)
        return self.index.knn_query(queries, k=k, num_threads=1)[0]


class Faiss:
    def __init__(self, job):
        import faiss

        self.module, self.job = faiss, job
        self.version = faiss.__version__
        faiss.omp_set_num_threads(job["threads"])

    def build(self, base):
        job, faiss = self.job, self.module
        metric = faiss.METRIC_INNER_PRODUCT if job["meta"]["metric"] == "dot" else faiss.METRIC_L2
        self.index = faiss.IndexHNSWFlat(job["meta"]["dim"], job["M"], metric)
        self.index.hnsw.efConstruction = job["efConstruction"]
        self.index.add(base)

    def save(self):
        self.module.write_index(self.index, self.job["index"])

    def open(self):
        self.index = self.module.read_index(self.job["index"])

    def search(self, queries, k, ef):
        self.index.hnsw.efSearch = ef
        return self.index.search(queries, k)[1]


PEERS = {"hnswlib": Hnswlib, "faiss": Faiss}


def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def read(job, name):
    data = np.fromfile(os.path.join(job["dataset"], name), dtype="<f4")
    return data.reshape(-1, job["meta"]["dim"])


def build(peer, job):
    base = read(job, "base.f32")
    started = time.perf_counter()
    peer.build(base)
    built = time.perf_counter()
    peer.save()
    return {
        "seconds": built - started,
        "saveSeconds": time.perf_counter() - built,
        "bytesOnDisk": os.path.getsize(job["index"]),
        "residentBytes": resident_bytes(),
        "version": peer.version,
    }


def search(peer, job):
    queries, k = read(job, "query.f32"), job["k"]
    started = time.perf_counter()
    peer.open()
    opened = time.perf_counter()
    peer.search(queries[:1], k, job["efSearch"][0])
    answered = time.perf_counter()
    points = []
    for ef in job["efSearch"]:
        # All of them before the first point, as trial.ts does.
        peer.search(queries[:WARM_UP] if points else queries, k, ef)
        cpu, wall = time.process_time(), time.perf_counter()
        passes = 0
        while passes == 0 or time.perf_counter() - wall < LEAST_S:
            found = peer.search(queries, k, ef)
            passes += 1
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        rows = np.where(found < 0, NO_ROW, found) if found.dtype == np.int64 else found
        points.append(
            {
                "efSearch": ef,
                "qps": passes * len(queries) / wall,
                "cpuQps": passes * len(queries) / cpu,
                "found": base64.b64encode(rows.astype("<u4").tobytes()).decode(),
            }
        )
    return {
        "openMs": (opened - started) * 1000,
        "firstAnswerMs": (answered - started) * 1000,
        "residentBytes": resident_bytes(),
        "version": peer.version,
        "points": points,
    }


def main():
    job = json.load(sys.stdin)
    peer = PEERS[job["peer"]](job)
    print(json.dumps((build if job["task"] == "build" else search)(peer, job)))


main()
