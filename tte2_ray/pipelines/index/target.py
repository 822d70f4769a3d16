"""The version that a job makes: its name, its collection, and where what belongs to it lies."""

from dataclasses import dataclass

from tte2_ray.artifacts.keys import EmbeddingRecipe
from tte2_ray.artifacts.manifest import index_folder
from tte2_ray.artifacts.store import key_part
from tte2_ray.milvus.collection import CollectionSpec
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.pipelines.index.config import IndexConfig

PROMOTED = "promoted.json"


@dataclass(frozen=True, kw_only=True)
class Target:
    """The version that a job makes, and where what belongs to it lies."""

    index: str
    version: str
    spec: CollectionSpec
    milvus: MilvusConfig
    ecr_fingerprint: str

    @classmethod
    def of(
        cls, config: IndexConfig, version: str, ecr_fingerprint: str, embedding: EmbeddingRecipe
    ) -> "Target":
        """The target of a configured job."""
        spec = CollectionSpec(
            index=config.index,
            version=version,
            fingerprint=embedding.fingerprint,
            dimension=embedding.dimension,
        )
        return cls(
            index=config.index,
            version=version,
            spec=spec,
            milvus=config.milvus,
            ecr_fingerprint=ecr_fingerprint,
        )

    @property
    def ecr_prefix(self) -> str:
        """Folder of the ECR tables, which other versions may share."""
        return f"ecr/{self.ecr_fingerprint}"

    @property
    def vector_prefix(self) -> str:
        """Folder of the vector tables, which other versions may share."""
        return f"vectors/{self.spec.fingerprint}"

    @property
    def index_folder(self) -> str:
        """Of all versions of the index in the store."""
        return index_folder(self.index)

    @property
    def folder(self) -> str:
        """Of the version in the store."""
        return f"{self.index_folder}/{self.version}"

    @property
    def load_prefix(self) -> str:
        """Folder of the markers of loaded shards."""
        return f"{self.folder}/load"

    @property
    def promoted_key(self) -> str:
        """Marks that the job has made this version live, and no other one since."""
        return f"{self.folder}/{PROMOTED}"

    @property
    def run_key(self) -> str:
        """What the run did that last worked on this version."""
        return f"{self.folder}/run.json"

    @property
    def dead_letter_prefix(self) -> str:
        """Folder of the rows that this version rejected."""
        return f"dead-letter/{key_part(self.index)}-{self.version}"
