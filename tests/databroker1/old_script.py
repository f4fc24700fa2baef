"""What a user of databroker 1.x does with a folder of datasets; prints JSON.

It runs in a process of its own: databroker looks for its YAML files when it is loaded,
and its dependencies warn of much.
"""

import json
import sys
import warnings
from pathlib import Path

warnings.simplefilter("ignore")

_YAML = """\
sources:
  lab:
    driver: bluesky-pymodaq-catalog
    args:
      directory: {}
"""


def main(home: Path, data: Path) -> dict:
    folder = home / ".local" / "share" / "intake"
    folder.mkdir(parents=True)
    (folder / "lab.yml").write_text(_YAML.format(data))
    import databroker
    from databroker import Broker
    from databroker.queries import TimeRange

    catalog = databroker.catalog["lab"]
    db = Broker.named("lab")
    maps = catalog.search({"plan_name": {"$in": ["Scan2D", "grid_scan"]}})
    uids = list(catalog)
    whole = {}
    for uid in uids:
        run, header = catalog[uid], db[uid]
        whole[uid] = {
            "name": catalog.runs[uid].path.name,
            "scan": catalog.runs[uid].scan,
            "start": header.start["uid"],
            "stop": header.stop["exit_status"],
            "streams": {
                name: {
                    "rows": len(header.table(name)),
                    "columns": list(header.table(name).columns),
                    "sizes": dict(run[name].read().sizes),
                }
                for name in header.stream_names
            },
        }
    missing = {}
    for key in ("nowhere", 99999, -99999):
        try:
            catalog[key]
        except Exception as error:  # noqa: BLE001 - which one is what is asked
            missing[str(key)] = type(error).__name__
    return {
        "listed": "lab" in list(databroker.catalog),
        "length": len(catalog),
        "latest": [catalog[-1].metadata["start"]["uid"], db[-1].start["uid"], uids[0]],
        "partial": catalog[uids[3][:8]].metadata["start"]["uid"] == uids[3],
        "scan_id": db[1].start["scan_id"],
        "maps": [run.metadata["start"]["plan_name"] for _, run in maps.items()],
        "searched twice": len(maps.search({"plan_name": "Scan2D"})),
        "called": [h.start["plan_name"] for h in db(plan_name="Scan2D")],
        "since": [len(list(db(since=year))) for year in ("2010", "2100")],
        "time range": len(catalog.search(TimeRange(since="2010", until="2100"))),
        "documents": [name for name, _ in db[-1].documents()],
        "missing": missing,
        "runs": whole,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]))))
