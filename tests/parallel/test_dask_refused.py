"""What the map over a Dask cluster refuses, in one line that names the worker."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from nets_deap.parallel import DaskMap, make_map
from nets_deap.util import agreed
from nets_deap.util.errors import NetsError
from tests.parallel.dask_fixture import cluster

pytest.importorskip("distributed")


def square(x: int) -> int:
    return x * x


def test_data_that_differ_are_refused_by_name(engine: DaskMap, monkeypatch: pytest.MonkeyPatch) -> None:
    call = ("nets_deap.data.loading", "load", ("xor", "data", False, None, 0.1, 0))
    monkeypatch.setattr(agreed, "known", lambda: {call: "another"})
    with pytest.raises(NetsError, match="the data set xor differs from process to process"):
        engine(square, [1])


def test_a_worker_with_several_threads_is_refused_by_name() -> None:
    with (
        cluster(1, threads_per_worker=2) as found,
        DaskMap(scheduler=found.scheduler_address) as engine,
        pytest.raises(NetsError, match=r"the worker tcp://.* has 2 threads: start it with one"),
    ):
        engine(square, [1])


def test_a_worker_of_another_version_is_refused_by_name(
    engine: DaskMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nets_deap.parallel.cluster.__version__", "9.9")
    with pytest.raises(NetsError, match=r"the worker tcp://.* has nets-deap .*, and the run 9.9"):
        engine(square, [1])


def test_a_package_on_the_path_that_is_not_installed_will_do(
    engine: DaskMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    import distributed

    def versions(
        client: Any, packages: list[str], ask: Any = distributed.Client.get_versions, **more: Any
    ) -> Any:
        found = ask(client, packages=packages, **more)
        for told in (found["scheduler"], *found["workers"].values()):
            told["packages"]["nets_deap"] = None
        return found

    monkeypatch.setattr(distributed.Client, "get_versions", versions)
    assert engine(square, [3]) == [9]
    monkeypatch.setattr("nets_deap.parallel.cluster.__version__", "9.9")
    with pytest.raises(NetsError, match=r"the worker tcp://.* has nets-deap \d.*, and the run 9.9"):
        engine.cluster.check_workers()


def test_one_that_comes_later_too(engine: DaskMap, monkeypatch: pytest.MonkeyPatch) -> None:
    engine(square, [1])
    monkeypatch.setattr("nets_deap.parallel.dask_map.__version__", "9.9")
    with pytest.raises(NetsError, match=r"the worker tcp://.* has nets-deap .*, and the run 9.9"):
        engine(square, [1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scheduler": "tcp://127.0.0.1:1"}, "no scheduler answers at `scheduler` tcp://127.0.0.1:1"),
        ({"scheduler": "nowhere.json"}, "expected tcp://host:port"),
        ({"scheduler": __file__}, "or the scheduler file of a running cluster"),
        ({"scheduler": "tcp://127.0.0.1:1", "workers": 2}, "leave `workers` out"),
        ({"workers": 0}, "`workers` 0: expected 1 or more"),
    ],
)
def test_what_cannot_be_is_one_line(
    options: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nets_deap.parallel.joining.PATIENCE", "1s")
    with pytest.raises(NetsError, match=message):
        DaskMap(**options)(square, [1])


def test_a_scheduler_goes_with_dask_alone() -> None:
    for name in ("serial", "multiprocess"):
        with pytest.raises(NetsError, match="add `map` dask"):
            make_map(name, None, scheduler="tcp://127.0.0.1:1")


def certificates(name: str) -> dict[str, str]:
    """Of an authority of its own, and of a node."""
    new = ("openssl", "req", "-newkey", "rsa:2048", "-nodes")
    for words in (
        (*new, "-x509", "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}"),
        (*new, "-keyout", f"{name}-node.key", "-out", f"{name}-node.csr", "-subj", "/CN=node"),
        ("openssl", "x509", "-req", "-in", f"{name}-node.csr", "-CA", f"{name}.pem", "-CAkey", f"{name}.key",
         "-CAcreateserial", "-out", f"{name}-node.pem"),
    ):  # fmt: skip
        subprocess.run(words, check=True, capture_output=True)
    told = {"tls_ca_file": f"{name}.pem"}
    for part in ("client", "worker", "scheduler"):
        told |= {f"tls_{part}_cert": f"{name}-node.pem", f"tls_{part}_key": f"{name}-node.key"}
    return {key: str(Path(value).absolute()) for key, value in told.items()}


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make certificates")
@pytest.mark.parametrize("ours", ["theirs", "others", "none"])
def test_tls_wants_the_certificates_of_the_cluster(ours: str) -> None:
    import dask
    from distributed import Security

    theirs, others = certificates("theirs"), certificates("others")
    mine = {"theirs": theirs, "others": others, "none": {}}[ours]
    words = {"tls_ca_file": "ca-file", "tls_client_cert": "client.cert", "tls_client_key": "client.key"}
    config = {f"distributed.comm.tls.{words[key]}": value for key, value in mine.items() if key in words}
    security = Security(require_encryption=True, **theirs)
    with (
        cluster(1, protocol="tls://", security=security) as found,
        dask.config.set(config),
        DaskMap(scheduler=found.scheduler_address) as engine,
    ):
        assert found.scheduler_address.startswith("tls://")
        if ours == "theirs":
            assert engine(square, [2]) == [4]
        else:
            with pytest.raises(NetsError, match="TLS is refused"):
                engine(square, [2])
