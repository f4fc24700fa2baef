"""What IPython and a notebook show of datasets, scans, settings and ROIs."""

from html.parser import HTMLParser

import pytest
from IPython.lib.pretty import pretty
from specimens import unpacked

from pymo_bluesky import open_dataset
from pymo_bluesky.settings import Parameter
from pymo_bluesky.twigs import Twig, as_html


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """A file of PyMoDAQ 5 with settings and regions of interest."""
    folder = tmp_path_factory.mktemp("shown")
    return open_dataset(unpacked("5.3.8/h5py_swmr/scan1d", folder))


class _Depth(HTMLParser):
    """Follows open elements: what is opened is closed."""

    def __init__(self):
        super().__init__()
        self.open, self.texts = [], []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def texts_of(html):
    parser = _Depth()
    parser.feed(html)
    assert not parser.open
    return parser.texts


def test_the_prompt_shows_a_dataset_and_a_scan_as_trees_without_settings(dataset):
    scan = dataset.scans[0]
    assert pretty(dataset) == dataset.tree(settings=False)
    assert pretty(scan) == scan.tree(settings=False)


def test_the_prompt_shows_settings_and_regions_in_few_words(dataset):
    scan = dataset.scans[0]
    assert pretty(scan.settings) == scan.settings.tree()
    assert "├── " in pretty(scan.settings)
    assert pretty(scan.rois[0]) == "ROI_00: RectROI, centre (0, 0), size 10 x 10"


def test_a_notebook_shows_the_same_lines_with_the_settings_folded(dataset):
    html = dataset._repr_html_()
    lines = [line.lstrip("│├└─ \xa0") for line in dataset.tree().splitlines()]

    assert [text.lstrip() for text in texts_of(html)] == lines
    assert "<details><summary>settings</summary>" in html
    assert "<details open><summary>Scan000" in html


def test_text_of_a_file_is_no_markup():
    name = "<script>alert(1)</script>"
    shown = as_html(Twig("a", (Parameter(name=name, value="\x1b[31m").twig(),)))
    assert "<script" not in shown
    assert "\x1b" not in shown
