"""The web page, driven in a real browser as a person would."""

import re
import shutil
import tempfile
from pathlib import Path

import pytest
from corpus import load, stream
from event_model import compose_run
from extras import needs, needs_program
from specimens import unpacked

from pymo_bluesky import export

webdriver = needs("selenium.webdriver", "test-browser")
needs("tiled.server.app", "tiled")
serving = needs("pymo_bluesky.serving", "tiled")
CHROMIUM = needs_program("chromium", "chromium")
DRIVER = needs_program("chromedriver", "chromium-driver")

By = needs("selenium.webdriver.common.by", "test-browser").By
Keys = needs("selenium.webdriver.common.keys", "test-browser").Keys
Select = needs("selenium.webdriver.support.ui", "test-browser").Select
Wait = needs("selenium.webdriver.support.ui", "test-browser").WebDriverWait

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

PATIENCE = 120  # seconds; the machine may be busy
HOSTILE = '<img src=x onerror="hacked=1">'  # no dot: data keys have none
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--window-size=1400,900"),
)


def a_run(number, **metadata):
    """A run without events, as anyone could write it."""
    run = compose_run(time=1.7e9 + number, metadata={"scan_id": number, **metadata})
    return [("start", run.start_doc), ("stop", run.compose_stop(time=1.7e9 + number))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """60 plain runs, real ones of ours and PyMoDAQ's, hostile names, damage."""
    folder = tmp_path_factory.mktemp("lab")
    for number in range(60):
        documents = a_run(number, plan_name="count", sample=f"wafer_{number:02d}")
        export(documents, folder, file_prefix=f"plain_{number:02d}")
    export(load(stream("p05")), folder, file_prefix="grid")
    export(load(stream("p11_spectro_scan")), folder, file_prefix="spectro")
    hostile = a_run(
        99, plan_name=HOSTILE, sample={"name": HOSTILE}, **{HOSTILE: HOSTILE}
    )
    export(hostile, folder, file_prefix="hostile")
    unpacked("3.6.13/scan2D_0D_1D_2D_roi", folder)
    (folder / "damaged<b>.h5").write_text("no HDF5")
    return folder


@pytest.fixture(scope="module")
def address(folder):
    with serving.served(folder) as address:
        yield address


@pytest.fixture(scope="module")
def driver():
    profile = Path(tempfile.mkdtemp())
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=DRIVER)
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()
    shutil.rmtree(profile, ignore_errors=True)


class Page:
    """The page as its user sees it."""

    def __init__(self, driver):
        self.driver = driver

    def all(self, css):
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def one(self, css):
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def until(self, told):
        waiting = Wait(self.driver, PATIENCE, ignored_exceptions=[Exception])
        return waiting.until(lambda _: told())

    def rows(self):
        return [row.text for row in self.all("#lines tr")]

    def search(self, words, count):
        field = self.one("#words")
        field.clear()
        field.send_keys(words)
        self.until(lambda: self.one("#range").text.endswith(f"of {count}"))

    def open(self, words, count=1):
        self.search(words, count)
        self.all("#lines a")[0].click()
        self.until(lambda: self.all("#scan h2"))

    def press(self, *keys):
        webdriver.ActionChains(self.driver).send_keys(*keys).perform()

    def plotted(self):
        """What the plot shows, for those who cannot see it."""
        self.until(lambda: self.one("canvas.plot").get_attribute("aria-label"))
        return self.one("canvas.plot").get_attribute("aria-label")


@pytest.fixture
def page(driver, address):
    driver.set_window_size(1400, 900)
    driver.get("about:blank")
    driver.get(address.page)
    page = Page(driver)
    page.until(lambda: len(page.all("#lines tr")) > 1)
    driver.get_log("browser")
    yield page
    # Whatever was done: no error, nothing blocked, nothing asked of other machines.
    assert [entry["message"] for entry in driver.get_log("browser")] == []


def test_the_latest_scans_come_first_page_by_page(page):
    assert len(page.rows()) == 50
    assert page.one("#range").text == "1 to 50 of 65"
    page.one("#next").click()
    page.until(lambda: page.one("#range").text == "51 to 65 of 65")
    assert page.one("#next").get_attribute("disabled")
    page.one("#previous").click()
    page.until(lambda: page.one("#range").text == "1 to 50 of 65")


def test_a_scan_is_found_by_sample_plan_file_and_day(page):
    for words, count in (
        ("wafer_07", 1),
        ("COUNT WAFER", 60),
        ("grid.h5", 1),
        ("spiral", 0),
    ):
        if count:
            page.search(words, count)
        else:
            field = page.one("#words")
            field.clear()
            field.send_keys(words)
            page.until(lambda: page.one("#empty").is_displayed())
            assert page.one("#empty").text == "No scan fits this search."
    page.search("", 65)
    page.driver.execute_script(
        "const d = document.getElementById('until'); d.value = '2024-01-01';"
        "d.dispatchEvent(new Event('input', {bubbles: true}));"
    )
    page.until(lambda: page.one("#range").text.endswith("of 61"))


def test_columns_sort_up_and_down(page):
    page.search("wafer", 60)
    for wanted in ("wafer_00", "wafer_59"):
        page.driver.find_element(By.XPATH, "//th//button[text()='Sample']").click()
        page.until(lambda: wanted in page.rows()[0])  # noqa: B023
    head = page.one("th[aria-sort]")
    assert head.get_attribute("aria-sort") == "descending"


def test_a_map_is_plotted_and_the_file_downloaded(page, folder):
    page.open("grid.h5")
    assert page.one("#scan h2").text.startswith("grid_scan")
    assert re.search(r" over motor1.* and motor2", page.plotted())
    link = page.one("a.button").get_attribute("href")
    size = page.driver.execute_async_script(
        "const done = arguments[1]; fetch(arguments[0]).then(a => a.arrayBuffer())"
        ".then(b => done(b.byteLength));",
        link,
    )
    assert size == (folder / "grid.h5").stat().st_size


def test_spectra_and_frames_have_sliders_and_lines_become_maps(page):
    page.open("spectro.h5")
    choice = Select(page.one("#scan select"))
    image = next(o.text for o in choice.options if "image" in o.text)
    choice.select_by_visible_text(image)
    page.until(lambda: "image" in page.plotted())
    slider = page.one("#scan input[type=range]")
    before = page.one("#scan output").text
    slider.send_keys(Keys.ARROW_RIGHT)
    page.until(lambda: page.one("#scan output").text != before)

    spectrum = next(o.text for o in choice.options if "spectrum" in o.text)
    Select(page.one("#scan select")).select_by_visible_text(spectrum)
    page.until(lambda: "spectrum" in page.plotted())


def test_settings_and_regions_of_an_old_file_are_shown(page):
    page.open("scan2D_0D_1D_2D_roi success", 1)
    for summary in page.all("details.panel > summary"):
        if summary.text.startswith("Settings"):
            summary.click()
    assert page.all(".leaf, .tree")
    assert page.all("details.panel > summary")


def test_hostile_names_are_shown_as_text_and_run_nothing(page):
    page.open("onerror")
    assert HOSTILE in page.one("#scan h2").text
    assert HOSTILE in page.rows()[0]
    for summary in page.all("#scan summary"):
        if summary.is_displayed():
            summary.click()
    assert HOSTILE in page.one("#scan").get_attribute("textContent")
    page.one("#problems").click()
    page.until(lambda: "damaged<b>.h5" in page.one("#scan").text)
    assert page.all("img[src=x]") == []
    assert page.driver.execute_script("return window.hacked") is None


def test_the_keyboard_is_enough(page):
    page.press("/")
    page.until(lambda: page.driver.switch_to.active_element == page.one("#words"))
    page.press("wafer")
    page.until(lambda: page.one("#range").text.endswith("of 60"))
    page.press(Keys.ARROW_DOWN)
    page.until(lambda: "count 59" in page.one("#scan").text)
    page.press(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    page.until(lambda: "count 57" in page.one("#scan").text)
    page.press(Keys.PAGE_DOWN)
    page.until(lambda: page.one("#range").text == "51 to 60 of 60")
    page.press(Keys.ESCAPE)
    page.until(lambda: not page.one("#scan").is_displayed())


def test_a_narrow_window_shows_one_thing_at_a_time(page):
    page.driver.set_window_size(500, 800)
    page.open("grid.h5")
    assert not page.one("#list").is_displayed()
    assert page.plotted()
    width = page.driver.execute_script("return document.body.scrollWidth")
    assert width <= page.driver.execute_script("return window.innerWidth")
    page.one("#back").click()
    page.until(lambda: page.one("#list").is_displayed())


def test_an_address_leads_to_the_same_search_and_scan(page):
    page.open("grid.h5")
    there = page.driver.current_url
    page.driver.get("about:blank")
    page.driver.get(there)
    page.until(lambda: page.one("#scan h2").text.startswith("grid_scan"))
    assert page.one("#words").get_attribute("value") == "grid.h5"


def test_new_scans_appear_by_themselves(page, folder):
    export(a_run(500, plan_name="fresh"), folder, file_prefix="fresh")
    try:
        page.until(lambda: page.one("#range").text == "1 to 50 of 66")
    finally:
        (folder / "fresh.h5").unlink()
        page.until(lambda: page.one("#range").text == "1 to 50 of 65")


def test_without_the_key_the_page_says_what_to_do(driver, address):
    driver.delete_all_cookies()
    driver.get("about:blank")
    driver.get(address.page.partition("?")[0])
    page = Page(driver)
    page.until(lambda: "wants its key" in page.one("#empty").text)
    driver.get_log("browser")
