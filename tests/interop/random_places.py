"""Random datasets as random_history makes them, whose rows, values and row ids lie in more places.

Base paths, shallow clones, branches, data overlays, blobs of the user's, row ids and versions that were spilled to data
files, indices that compactions left behind.  LANCE_ENABLE_UNSTABLE_DATA_OVERLAY_FILES must be set before pylance is
loaded, and LANCEFS_ROOTS be the directory that the dataset is in.
"""

import os
import pathlib
import shutil
import uuid

import lance
import pyarrow as pa
from lance.blob import Blob
from lance.file import LanceFileWriter

import random_data
import random_history

SPILL = {"lance.row_lineage.spill": "true", "lance.row_lineage.inline_max_bytes": "16"}


def leaf_ids(field):
    """Ids of the columns that a file has for a field."""
    children = field.children()
    return [i for child in children for i in leaf_ids(child)] if children else [field.id()]


def has_struct(kind):
    return pa.types.is_struct(kind) or pa.types.is_map(kind) or any(
        has_struct(kind.field(i).type) for i in range(kind.num_fields))


class History(random_history.History):
    """.path is the dataset's in the end: a clone of the first one, or a branch of it, too."""

    def __init__(self, rng, path, *args):
        super().__init__(rng, path, *args)
        self.folder = pathlib.Path(path).parent
        self.bases = []
        self.is_managed = rng.random() < 0.3  # blobs are files of their own, in the dataset

    def at_most(self, rows):
        """As many as do not take long to make."""
        return min(rows, int(random_history.MAX_WEIGHT / max((c.weight() for c in self.columns), default=1)) + 1)

    def table(self, rows):
        made = super().table(self.at_most(rows))
        has_blob = any(random_data.is_blob(c.field) for c in self.columns)
        if not self.is_managed or not has_blob or self.version < "2.2":
            return made
        return made.replace_schema_metadata({"lance.blob.managed": "true"})

    def new_columns(self, version):
        made = super().new_columns(version)
        if version != "0.1" and self.rng.random() < 0.15:
            made.append(random_data.Column(self.rng, random_data.random_blob(self.rng, version, "more"), version))
        return made

    def write_options(self, rows):
        options = super().write_options(rows)
        if not os.path.exists(self.path) and self.version != "0.1" and self.rng.random() < 0.15:
            self.bases = ["bare", "full"]
            spelled = (self.folder / "bare é").as_uri(), str(self.folder / "full")
            options["initial_bases"] = [lance.DatasetBasePath(s, name=name, is_dataset_root=name == "full")
                                        for s, name in zip(spelled, self.bases)]
            options["target_bases"] = [self.rng.choice(self.bases)]
        return options

    # --- steps ---

    def append_elsewhere(self, dataset):
        if self.bases and self.is_original(dataset):
            lance.write_dataset(self.table(30), self.path, mode="append", target_bases=[self.rng.choice(self.bases)])

    def overlay(self, dataset):
        """New values for some rows of some columns of a fragment."""
        rng, version = self.rng, dataset.data_storage_version
        columns = [c for c in self.columns if not random_data.is_blob(c.field) and not has_struct(c.field.type)]
        fragments = dataset.get_fragments()
        if not fragments or not columns or not self.is_original(dataset):
            return
        fragment = rng.choice(fragments)
        rows = fragment.metadata.physical_rows
        chosen = rng.sample(columns, rng.randint(1, min(3, len(columns))))
        n = rng.randint(1, self.at_most(min(rows, 500)))
        known = {f.name(): f for f in dataset.lance_schema.fields()}
        ids = [leaf_ids(known[c.field.name]) for c in chosen]
        values = pa.record_batch([c.array(n) for c in chosen], pa.schema([c.field for c in chosen]))
        name = f"{uuid.uuid4()}.lance"
        with LanceFileWriter(os.path.join(self.path, "data", name), values.schema, version=version) as writer:
            writer.write_batch(values)
        picked = [sorted(rng.sample(range(rows), n)) for _ in chosen]
        flat = [i for one in ids for i in one]
        data = lance.fragment.DataFile(name, flat, list(range(len(flat))), *map(int, version.split(".")))
        is_sparse = rng.random() < 0.5
        offsets = [p for p, one in zip(picked, ids) for _ in one] if is_sparse else picked[0]
        group = lance.LanceOperation.DataOverlayGroup(fragment.fragment_id,
                                                      [lance.LanceOperation.DataOverlayFile(data, offsets)])
        lance.LanceDataset.commit(self.path, lance.LanceOperation.DataOverlay([group]), read_version=dataset.version)

    def append_external(self, dataset):
        """Blobs that stay in the user's files."""
        blobs = [c.field.name for c in self.columns if random_data.is_blob(c.field)]
        if not blobs or not self.is_original(dataset) or dataset.data_storage_version < "2.2":
            return
        file = self.folder / f"of the user {self.next_id}.bin"
        file.write_bytes(self.rng.randbytes(500))
        table = self.table(20)
        for name in blobs:
            at = table.column_names.index(name)
            values = [self.rng.choice((None, b"", b"here", Blob.from_uri(file.as_uri()), Blob.from_uri(
                file.as_uri(), self.rng.randrange(400), self.rng.randint(1, 100)))) for _ in range(table.num_rows)]
            table = table.set_column(at, table.schema.field(at), lance.blob_array(values))
        lance.write_dataset(table, self.path, mode="append", allow_external_blob_outside_bases=True)

    def spill(self, dataset):
        dataset.update_config(SPILL)

    def compact_only(self, dataset):
        """Without the indices, which a history of what became of fragments goes with."""
        dataset.optimize.compact_files(target_rows_per_fragment=self.rng.choice((1 << 20, 500)), defer_index_remap=True)

    def reindex(self, dataset):
        dataset.optimize.optimize_indices()

    STEPS = (*random_history.History.STEPS, append_elsewhere, append_elsewhere, overlay, overlay, overlay,
             append_external, append_external, spill, random_history.History.index, compact_only, reindex)

    # --- other datasets that show this one's files ---

    def clone(self):
        path = str(self.folder / "clone.lance")
        dataset = lance.dataset(self.path)
        dataset.shallow_clone(path, self.rng.randint(max(1, dataset.version - 1), dataset.version))
        self.path, self.bases = path, []

    def branch(self):
        name = self.rng.choice(("b", "feat/é"))
        lance.dataset(self.path).create_branch(name)
        self.path, self.bases = f"{self.path}/tree/{name}", []

    def make(self, version=None):
        super().make(version)
        move = self.rng.choice((None, None, None, History.clone, History.branch))
        before = self.path
        try:
            if move:
                move(self)
                self.steps[move.__name__] += 1
        except BaseException as error:
            if not random_history.is_refusal(error):
                raise
            self.path = before
            self.refused[f"{self.version} {move.__name__}: {random_history.reason(error)}"] += 1
        for _ in range(self.rng.choice((0, 1, 3)) if move else 0):
            self.take_step()
        return lance.dataset(self.path)
