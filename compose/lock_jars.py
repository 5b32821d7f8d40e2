"""Makes `jars.lock`: `python -m compose.lock_jars > compose/jars.lock`. A maintainer's tool; it needs Maven.

Maven resolves each folder's class path and brings the files, this drops what Connect has itself and takes the digests.
The JDBC sink comes as its plugin archive, because some of its single jars are not published everywhere.
"""

import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path

KAFKA, DEBEZIUM, LOG4J = "4.3.1", "3.6.0.Final", "2.26.1"
ROOTS = {
    "kafka": [
        *(f"org.apache.kafka:{name}:{KAFKA}"
          for name in ("kafka_2.13", "connect-runtime", "connect-json", "connect-transforms")),
        *(f"org.apache.logging.log4j:{name}:{LOG4J}" for name in ("log4j-api", "log4j-core", "log4j-slf4j-impl")),
    ],
    "plugins/debezium-postgres": [f"io.debezium:debezium-connector-postgres:{DEBEZIUM}"],
    "plugins/debezium-jdbc": [f"io.debezium:debezium-connector-jdbc:{DEBEZIUM}:plugin:tar.gz"],
}
DEPENDENCY = ("<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version>"
              "<classifier>{}</classifier><type>{}</type>{}</dependency>")
ALONE = "<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>"
"""An archive carries its dependencies."""


def dependency(root: str) -> str:
    group, artifact, version, classifier, kind = (*root.split(":"), "", "jar")[:5]
    return DEPENDENCY.format(group, artifact, version, classifier, kind, ALONE if classifier else "")


def resolve(roots: list[str]) -> dict[str, Path]:
    """Maven's runtime class path of some artifacts: group:artifact:version[:classifier:type] and the file."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "pom.xml").write_text(
            '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>lock</groupId>'
            "<artifactId>lock</artifactId><version>1</version><dependencies>"
            f"{''.join(map(dependency, roots))}</dependencies></project>")
        subprocess.run(["mvn", "-q", "-B", "dependency:list", "-DincludeScope=runtime", "-DoutputFile=list",
                        "-DoutputAbsoluteArtifactFilename=true"], cwd=folder, check=True, stdout=sys.stderr)
        lines = Path(folder, "list").read_text().splitlines()
    jars = {}
    for part in (line.split(" -- ")[0].strip().split(":") for line in lines if line.count(":") >= 4):
        group, artifact, kind, *classifier, version, _scope, file = part
        jars[":".join([group, artifact, version, *classifier, *([kind] if classifier else [])])] = Path(file)
    return jars


def main() -> None:
    kafka = resolve(ROOTS["kafka"])
    brought = {coordinate.split(":")[1] for coordinate in kafka}
    for folder, roots in ROOTS.items():
        for coordinate, file in sorted(resolve(roots).items()):
            if folder != "kafka" and coordinate.split(":")[1] in brought:
                continue  # Connect's class loader answers for it
            print(coordinate, sha256(file.read_bytes()).hexdigest(), file.stat().st_size, folder)


if __name__ == "__main__":
    main()
