"""Published folders, found by the engines' own look-up functions, which are lifted out of their releases:
`published_lookup_test.py BIN_FOLDER FAKE_DRIVER_FOLDER`."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

sys.dont_write_bytecode = True
sys.path[1:1] = [str(pathlib.Path(__file__).resolve().parents[1] / "kernels" / "triton")]

import engine_files  # noqa: E402
from engine_lookup import EngineLookup, lookups  # noqa: E402
from refusal import Refusal  # noqa: E402

BATCHES = [1 << exponent for exponent in range(13)]
PROBLEM = {"E": 256, "N": 512, "hidden_size": 2048, "topk": 8, "dtype": "fp8_w8a8", "block_shape": [128, 128]}
FP8 = {"dtype": "fp8_w8a8", "block_shape": (128, 128)}
BIN, DRIVER = None, None


def tile(m, stages, group=1):
    return {"BLOCK_SIZE_M": m, "BLOCK_SIZE_N": 128, "BLOCK_SIZE_K": 128, "GROUP_SIZE_M": group, "num_warps": 4,
            "num_stages": stages}


def default(batch):
    """What moetune takes for the default of imported rows."""
    return tile(16 if batch <= 64 else 64, 3, 1 if batch <= 16 else 32)


def rows(kernel, compiler="triton 3.6.0"):
    """JSONL rows of one engine's kernel: in each batch the default, and a tile that is faster and different everywhere."""
    lines = []
    for place, batch in enumerate(BATCHES):
        best = tile(default(batch)["BLOCK_SIZE_M"], 4, 2 + place)
        if kernel == "sglang":
            best = best | {"down": best | {"num_stages": 2, "num_warps": 8}}
        for config, us in ((default(batch), 100.0), (best, 80.0)):
            lines.append(json.dumps(PROBLEM | {
                "device": "NVIDIA_H200", "arch": "sm_90", "batch": batch, "config": config, "kernel": kernel,
                "kernel_digest": "feed", "compiler": compiler, "status": "ok", "latency_us": us,
                "samples_us": [us - 0.1, us, us + 0.1], "l2": "cold", "routing": "uniform",
                "measured_at": "2026-11-20T10:15:00Z", "sweep": f"elsewhere-{kernel}"}))
    return "\n".join(lines) + "\n"


class Daemon:
    """A real moetuned in a folder of its own."""

    def __init__(self, folder, *arguments, **environment):
        self._process = subprocess.Popen(
            [BIN / "moetuned", "--data-dir", folder / "data", "--cache-dir", folder / "cache", "--listen", "127.0.0.1:0",
             *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ | environment)
        self.url = self._process.stdout.readline().split()[-1]

    def stop(self):
        self._process.terminate()
        self._process.wait(timeout=60)
        self._process.stdout.close()

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            return json.load(answer)

    def import_rows(self, lines):
        request = urllib.request.Request(self.url + "/import", lines.encode(), {"Content-Type": "application/x-ndjson"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            report = json.load(answer)
        assert report["rejected"] == 0, report

    def moetune(self, *arguments):
        return subprocess.run([BIN / "moetune", "--server", self.url, *arguments], capture_output=True, text=True,
                              timeout=300, check=False)


class PublishedLookupTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="moetune_lookup_")
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.published = self.folder / "published"
        self.package = self.folder / "package"
        (self.package / "configs").mkdir(parents=True)

    def daemon(self, *arguments, **environment):
        daemon = Daemon(self.folder, *arguments, **environment)
        self.addCleanup(daemon.stop)
        return daemon

    def publish(self, *kernels, **more):
        daemon = self.daemon()
        for kernel in kernels:
            daemon.import_rows(rows(kernel, **more))
        done = daemon.moetune("publish", str(self.published))
        self.assertEqual(0, done.returncode, done.stderr)
        return daemon

    def chosen(self, daemon, kernel):
        """What moetune chose, by batch."""
        best = daemon.get(f"/best?E=256&N=512&kernel={kernel}")["results"]
        self.assertEqual(1, len(best))
        return {int(batch): entry["chosen"]["config"] for batch, entry in best[0]["configs"].items()}

    def assert_inside(self, path, *parts):
        self.assertTrue(path.is_relative_to(self.published.joinpath(*parts)), path)

    def test_every_vllm_that_knows_the_variable_finds_the_file(self):
        daemon = self.publish("vllm", "sglang")
        chosen = self.chosen(daemon, "vllm")
        self.assertEqual(BATCHES, sorted(chosen))
        with_variable = [lookup for lookup in lookups("vllm", self.package) if lookup.has_variable()]
        self.assertGreaterEqual(len(with_variable), 4)
        for lookup in with_variable:
            with self.subTest(f"vLLM {lookup.version}"):
                found, path = lookup.find(256, 512, **FP8, folder=self.published)
                self.assertEqual(chosen, found)
                self.assert_inside(path)
                self.assertTrue(any("Using configuration from" in said for said in lookup.logger.said))
                for other in ((128, 512), (256, 1024)):
                    self.assertEqual((None, None), lookup.find(*other, **FP8, folder=self.published))
                self.assertEqual((None, None), lookup.find(256, 512, folder=self.published), "bf16 is another file")

    def test_the_user_s_folder_comes_before_the_files_that_vllm_ships(self):
        self.publish("vllm")
        name = next(self.published.glob("E=*.json")).name
        (self.package / "configs" / name).write_text(json.dumps({"1": default(1)}))
        for lookup in lookups("vllm", self.package):
            if lookup.has_variable():
                self.assert_inside(lookup.find(256, 512, **FP8, folder=self.published)[1])

    def test_every_sglang_that_knows_the_variable_finds_its_pair(self):
        daemon = self.publish("vllm", "sglang")
        chosen = self.chosen(daemon, "sglang")
        with_variable = [lookup for lookup in lookups("sglang", self.package) if lookup.has_variable()]
        self.assertGreaterEqual(len(with_variable), 4)
        self.assertGreaterEqual(sum(lookup.knows_down() for lookup in with_variable), 3)
        for lookup in with_variable:
            with self.subTest(f"SGLang {lookup.version}"):
                up, path = lookup.find(256, 512, **FP8, folder=self.published)
                self.assertEqual({batch: {key: value for key, value in config.items() if key != "down"}
                                  for batch, config in chosen.items()}, up)
                self.assert_inside(path, "configs", "triton_3_6_0")
                if not lookup.knows_down():
                    continue
                down, path = lookup.find(256, 512, **FP8, folder=self.published, down=True)
                self.assertEqual({batch: config["down"] for batch, config in chosen.items()}, down)
                self.assert_inside(path, "configs", "triton_3_6_0")
                for m in range(1, 65537):
                    first = up[min(up.keys(), key=lambda x: abs(x - m))]
                    second = down[min(down.keys(), key=lambda x: abs(x - m))]
                    self.assertEqual(first["BLOCK_SIZE_M"], second["BLOCK_SIZE_M"], m)

    def test_sglang_with_another_triton_takes_both_files_from_one_folder(self):
        self.publish("sglang", compiler="triton 3.4.0+git1234")
        for lookup in lookups("sglang", self.package, triton="3.6.0"):
            if not lookup.has_variable():
                continue
            with self.subTest(f"SGLang {lookup.version}"):
                found, path = lookup.find(256, 512, **FP8, folder=self.published)
                self.assertEqual(BATCHES, sorted(found))
                self.assert_inside(path, "configs", "triton_3_4_0")
                if lookup.knows_down():
                    self.assert_inside(lookup.find(256, 512, **FP8, folder=self.published, down=True)[1], "configs",
                                       "triton_3_4_0")

    def test_sglang_takes_a_folder_without_a_file_of_its_own(self):
        self.publish("vllm")
        for lookup in lookups("sglang", self.package):
            if lookup.has_variable():
                self.assertEqual((None, None), lookup.find(256, 512, **FP8, folder=self.published))

    def test_sglang_without_the_variable_finds_a_copy_in_its_package(self):
        daemon = self.publish("sglang")
        for path in (self.published / "configs" / "triton_3_6_0").glob("E=*.json"):
            shutil.copy(path, self.package / "configs")
        old = [lookup for lookup in lookups("sglang", self.package) if not lookup.has_variable()]
        self.assertEqual(1, len(old))
        found, path = old[0].find(256, 512, **FP8, folder=self.published)
        self.assertEqual(sorted(self.chosen(daemon, "sglang")), sorted(found))
        self.assertEqual(self.package / "configs", path.parent)

    def test_vllm_without_the_variable_takes_a_copy_without_the_version_of_triton(self):
        daemon = self.publish("vllm")
        path = pathlib.Path(shutil.copy(next(self.published.glob("E=*.json")), self.package / "configs"))
        old = [lookup for lookup in lookups("vllm", self.package) if not lookup.has_variable()]
        self.assertEqual(1, len(old))
        with self.assertRaisesRegex(Refusal, "triton_version"):
            old[0].find(256, 512, **FP8)
        file = json.loads(path.read_text())
        del file["triton_version"]
        path.write_text(json.dumps(file))
        self.assertEqual(self.chosen(daemon, "vllm"), old[0].find(256, 512, **FP8)[0])

    def test_an_engine_that_starts_at_any_moment_finds_whole_files(self):
        daemon = self.publish("vllm", "sglang")
        vllm = EngineLookup("vllm", engine_files.NEWEST["vllm"], self.package)
        sglang = EngineLookup("sglang", engine_files.NEWEST["sglang"], self.package)
        # Each round somebody spoils vLLM's file, and a new generation of all files puts it right.
        rounds = 'for i in $(seq 20); do printf x >> "$2/$3"; "$0" --server "$1" publish "$2" --force; done'
        publisher = subprocess.Popen(
            ["bash", "-c", rounds, BIN / "moetune", daemon.url, self.published,
             next(self.published.glob("E=*.json")).name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        looks = 0
        while publisher.poll() is None:
            up, _ = sglang.find(256, 512, **FP8, folder=self.published)
            down, _ = sglang.find(256, 512, **FP8, folder=self.published, down=True)
            self.assertEqual(BATCHES, sorted(up))
            self.assertEqual(BATCHES, sorted(down))
            looks += 1
        self.assertGreater(looks, 20)
        self.assertEqual(self.chosen(daemon, "vllm"), vllm.find(256, 512, **FP8, folder=self.published)[0])


class WarningToFileTest(unittest.TestCase):
    """From a warning line to the file in place, for an engine that is only unpacked."""

    def test_the_engine_finds_what_its_warning_missed(self):
        for name, line in (
                ("vllm", "Config file not found at /x/configs/E=8,N=256,device_name=NVIDIA_H200.json"),
                ("sglang", "Using default MoE kernel config. Performance might be sub-optimal! Config file not found at "
                           "/x/configs/triton_3_6_0/E=8,N=256,device_name=NVIDIA_H200.json, you can create them with")):
            with self.subTest(name):
                self._walk(name, line)

    def _walk(self, name, line):
        version = engine_files.NEWEST[name]
        with tempfile.TemporaryDirectory(prefix="moetune_walk_") as temporary:
            folder = pathlib.Path(temporary)
            space = folder / "space.json"
            space.write_text(json.dumps({"BLOCK_SIZE_M": [16], "BLOCK_SIZE_N": [64], "BLOCK_SIZE_K": [64],
                                         "GROUP_SIZE_M": [1], "num_warps": [4], "num_stages": [2]}))
            published = folder / "published"
            daemon = Daemon(folder, "--engine-path", engine_files.folder(name, version), "--publish", published,
                            LD_LIBRARY_PATH=str(DRIVER))
            try:
                missing = [check for check in daemon.get("/doctor")["checks"]
                           if check["name"] == "Triton" and check["status"] != "ok"]
                if missing:
                    self.skipTest(f"no Triton: {missing}")
                triton = daemon.get("/doctor")["checks"]
                triton = next(check["message"] for check in triton if check["name"] == "Triton").split()[1]
                lookup = EngineLookup(name, version, folder / "package", triton=triton)
                (published / "configs").mkdir(parents=True, exist_ok=True)
                self.assertIsNone(lookup.find(8, 256, folder=published)[0])
                done = daemon.moetune("tune", "--warning", line, "--hidden-size", "256", "--topk", "2", "--space",
                                      str(space), "--batch", ",".join(map(str, BATCHES)), "--no-between")
                self.assertEqual(0, done.returncode, done.stderr)
                deadline = time.monotonic() + 60
                while lookup.find(8, 256, folder=published)[0] is None and time.monotonic() < deadline:
                    time.sleep(0.1)
                found, path = lookup.find(8, 256, folder=published)
                self.assertEqual(BATCHES, sorted(found or {}), daemon.get("/doctor"))
                self.assertTrue(path.is_relative_to(published))
                source = json.loads((published / "moetune.json").read_text())["files"][
                    str(path.relative_to(published))]["source"]
                self.assertIn(version, source["keys"]["1"]["rows"][0]["default_source"])
                self.assertEqual("measured", source["problems"][0]["origin"])
            finally:
                daemon.stop()


if __name__ == "__main__":
    BIN, DRIVER = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    unittest.main(argv=sys.argv[:1])
