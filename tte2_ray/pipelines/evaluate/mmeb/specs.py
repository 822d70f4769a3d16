"""The 78 tasks: where each lies below the root, how its rows are read, in what pool it is ranked.

In the order in which the public code reports them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from tte2_ray.pipelines.evaluate.benchmark import Modality, Pool, TaskType

Form = Literal[
    "image_to_text", "text_to_image", "image_to_image", "video_classification", "video_choice",
    "msrvtt", "msvd", "didemo", "youcook2", "vatex", "moments", "momentseeker", "videomme",
    "nextqa", "egoschema", "mvbench", "activitynetqa", "vidore", "visrag",
]  # fmt: skip
"""What the columns of a task's annotations are."""

MEASURES: Final[Mapping[Modality, str]] = {
    "image": "Success@1",
    "video": "Success@1",
    "visdoc": "nDCG@5",
}
"""hit@1 and linear NDCG@5 under the names of ir_measures."""


@dataclass(frozen=True, kw_only=True)
class Spec:
    """One task of the benchmark."""

    name: str
    """As published tables call it."""
    modality: Modality
    type: TaskType
    pool: Pool
    form: Form
    annotations: str
    """Folder of its tables below the root."""
    subset: str = ""
    split: str = "test"
    media: str = ""
    """Folder of its pictures or frames below the root."""
    instruction: str = ""
    """Of every query, where the annotations bring none."""
    most_rows: int = 0
    """Only so many rows are asked, the first ones; 0 asks all."""

    @property
    def measure(self) -> str:
        """A name of ir_measures."""
        return MEASURES[self.modality]


def _image(name: str, kind: TaskType, form: Form) -> Spec:
    return Spec(name=name, modality="image", type=kind, pool="query", form=form,
                annotations="image-tasks", subset=name, media="image-tasks")  # fmt: skip


_CLASSIFICATION = (
    "ImageNet-1K", "N24News", "HatefulMemes", "VOC2007", "SUN397", "Place365", "ImageNet-A",
    "ImageNet-R", "ObjectNet", "Country211",
)  # fmt: skip
_QA = (
    "OK-VQA", "A-OKVQA", "DocVQA", "InfographicsVQA", "ChartQA", "Visual7W", "ScienceQA", "VizWiz",
    "GQA", "TextVQA",
)  # fmt: skip
_RETRIEVAL: Mapping[str, Form] = {
    "VisDial": "text_to_image",
    "CIRR": "image_to_image",
    "VisualNews_t2i": "text_to_image",
    "VisualNews_i2t": "image_to_text",
    "MSCOCO_t2i": "text_to_image",
    "MSCOCO_i2t": "image_to_text",
    "NIGHTS": "image_to_image",
    "WebQA": "text_to_image",
    "FashionIQ": "image_to_image",
    "Wiki-SS-NQ": "text_to_image",
    "OVEN": "image_to_image",
    "EDIS": "text_to_image",
}
_GROUNDING = ("MSCOCO", "RefCOCO", "RefCOCO-Matching", "Visual7W-Pointing")

_IMAGE = (
    *(_image(name, "classification", "image_to_text") for name in _CLASSIFICATION),
    *(_image(name, "qa", "image_to_text") for name in _QA),
    *(_image(name, "retrieval", form) for name, form in _RETRIEVAL.items()),
    *(_image(name, "grounding", "image_to_image") for name in _GROUNDING),
)

_CHOOSE = ("Given a video and a question, select the most accurate answer from the provided "
           "candidates. Return only the exact text of your chosen answer. Question:")  # fmt: skip


def _video(
    name: str,
    kind: TaskType,
    form: Form,
    frames: str,
    instruction: str,
    *,
    pool: Pool = "query",
    folder: str = "",
    subset: str = "",
    split: str = "test",
    most_rows: int = 0,
) -> Spec:
    return Spec(name=name, modality="video", type=kind, pool=pool, form=form, subset=subset,
                annotations=f"video-tasks/{folder or name}", split=split, most_rows=most_rows,
                media=f"video-tasks/frames/{frames}", instruction=instruction)  # fmt: skip


_VIDEO = (
    _video("K700", "classification", "video_classification", "video_cls/K700",
           "Recognize the category of the video content.", pool="corpus", folder="Kinetics-700"),
    _video("SmthSmthV2", "classification", "video_choice", "video_cls/SSv2",
           "What actions or object interactions are being performed by the person in the video?",
           most_rows=1000),
    _video("HMDB51", "classification", "video_classification", "video_cls/HMDB51",
           "What actions or objects interactions are the person in the video doing?",
           pool="corpus"),
    _video("UCF101", "classification", "video_classification", "video_cls/UCF101",
           "What activities or sports are being performed by the person in the video?",
           pool="corpus"),
    _video("Breakfast", "classification", "video_classification", "video_cls/Breakfast",
           "Recognize the breakfast type that the person is cooking in the video.",
           pool="corpus"),
    _video("MVBench", "qa", "mvbench", "video_qa/MVBench", _CHOOSE, split="train"),
    _video("Video-MME", "qa", "videomme", "video_qa/Video-MME", _CHOOSE),
    _video("NExTQA", "qa", "nextqa", "video_qa/NExTQA", _CHOOSE, subset="MC"),
    _video("EgoSchema", "qa", "egoschema", "video_qa/EgoSchema", _CHOOSE, subset="Subset"),
    _video("ActivityNetQA", "qa", "activitynetqa", "video_qa/ActivityNetQA", _CHOOSE),
    _video("DiDeMo", "retrieval", "didemo", "video_ret/DiDeMo",
           "Find a video that includes the following described scenes:", pool="corpus"),
    _video("MSR-VTT", "retrieval", "msrvtt", "video_ret/MSR-VTT",
           "Find a video that contains the following visual content:", pool="corpus",
           subset="test_1k"),
    _video("MSVD", "retrieval", "msvd", "video_ret/MSVD",
           "Find the video snippet that corresponds to the given summary:", pool="corpus"),
    _video("VATEX", "retrieval", "vatex", "video_ret/VATEX",
           "Select a video that fits the description provided:", pool="corpus"),
    _video("YouCook2", "retrieval", "youcook2", "video_ret/YouCook2",
           "Find a video that demonstrates the following action while making a recipe:",
           pool="corpus", split="val"),
    _video("QVHighlight", "moment", "moments", "video_mret/QVHighlight",
           "Find the clip that corresponds to the described scene in the given video:"),
    _video("Charades-STA", "moment", "moments", "video_mret/Charades_STA",
           "Find the clip that corresponds to the described scene in the given video:"),
    _video("MomentSeeker", "moment", "momentseeker", "video_mret/MomentSeeker", ""),
)  # fmt: skip


def _visdoc(name: str, form: Form, folder: str, media: str = "", split: str = "test") -> Spec:
    return Spec(name=name, modality="visdoc", type="visdoc", pool="corpus", form=form,
                annotations=f"visdoc-tasks/{folder}", split=split,
                media=f"visdoc-tasks/{media or name}",
                instruction="Find a document image that matches the given query:")  # fmt: skip


_SYNTHETIC = ("artificial_intelligence", "energy", "government_reports", "healthcare_industry")
_VISDOC = (
    *(_visdoc(f"ViDoRe_{name}", "vidore", f"{name}_test_subsampled_beir")
      for name in ("arxivqa", "docvqa", "infovqa", "tabfquad")),
    *(_visdoc(f"ViDoRe_{name}", "vidore", f"{name}_test_beir")
      for name in ("tatdqa", "shiftproject")),
    *(_visdoc(f"ViDoRe_syntheticDocQA_{name}", "vidore", f"syntheticDocQA_{name}_test_beir")
      for name in _SYNTHETIC),
    _visdoc("ViDoRe_esg_reports_human_labeled_v2", "vidore", "esg_reports_human_labeled_v2",
            media="esg_reports_human_labeled_v2"),
    *(_visdoc(f"ViDoRe_{name}_v2_multilingual", "vidore", f"{name}_v2",
              media=f"{name}_v2_multilingual")
      for name in ("biomedical_lectures", "economics_reports", "esg_reports")),
    *(_visdoc(f"VisRAG_{name}", "visrag", f"VisRAG-Ret-Test-{name}", split="train")
      for name in ("ArxivQA", "ChartQA", "MP-DocVQA", "SlideVQA", "InfoVQA", "PlotQA")),
    _visdoc("ViDoSeek-page", "vidore", "ViDoSeek-page-fixed"),
    _visdoc("ViDoSeek-doc", "vidore", "ViDoSeek"),
    _visdoc("MMLongBench-page", "vidore", "MMLongBench-page-fixed"),
    _visdoc("MMLongBench-doc", "vidore", "MMLongBench-doc"),
)  # fmt: skip

SPECS: Final[Mapping[str, Spec]] = {spec.name: spec for spec in (*_IMAGE, *_VIDEO, *_VISDOC)}
"""All tasks, by name."""
