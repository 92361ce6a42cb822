"""Pictures of a high dynamic range become those of a standard recording, as by ffmpeg."""

import numpy as np
import pytest

import media_fixtures as make
from emotiw.media import dynamic_range
from test_geometry import of_ffmpeg, shown

SIZE = (192, 128)
TRANSFERS = {"smpte2084": dynamic_range.PQ, "arib-std-b67": dynamic_range.HLG}
LIGHT = "zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt709"
MAPPED = "tonemap=mobius:desat=0:peak=4.926,zscale=t=bt709:m=bt709:r=pc,format=rgb24"


def gradients(_index, width, height):
    """Colours like those of skin, from dark to bright."""
    y, x = np.mgrid[0:height, 0:width]
    light = 40 + 170 * x / width
    return np.stack([light, light * (0.75 + 0.15 * y / height), light * (0.6 + 0.25 * y / height)], 2).astype(np.uint8)


def high(path, filters, transfer, primaries="bt2020"):
    """Clip of 10 bits with the tags of a high dynamic range, made of `gradients` by filters."""
    plain = make.clip(path.with_suffix(".mkv"), n=2, codec="ffv1", pixels="bgr0", size=SIZE, paint=gradients)
    tags = ("-color_trc", transfer, "-color_primaries", primaries, "-colorspace", "bt2020nc", "-color_range", "tv")
    coding = ("-c:v", "libx265", "-x265-params", "log-level=error:crf=4", "-pix_fmt", "yuv420p10le")
    make.ffmpeg("-i", plain, "-vf", filters, *coding, *tags, path)
    return path


def tagged(transfer, primaries="bt2020"):
    """Filters that change the tags of a picture only."""
    tags = f"setparams=color_trc={transfer}:color_primaries={primaries}:colorspace=bt2020nc:range=tv"
    return f"scale=out_color_matrix=bt2020:out_range=tv,format=yuv420p10le,{tags}"


@pytest.mark.parametrize("primaries", ["bt2020", "bt709", "smpte432"])
@pytest.mark.parametrize("transfer", TRANSFERS)
def test_the_picture_is_that_of_ffmpeg(tmp_path, transfer, primaries):
    path = high(tmp_path / "a.mp4", tagged(transfer, primaries), transfer, primaries)
    images, facts = shown(path)
    expected = of_ffmpeg(path, SIZE[1], SIZE[0], LIGHT, MAPPED).astype(int)
    assert facts.hdr
    assert np.abs(images - expected).max() <= 8
    assert np.abs(images - expected).mean() < 1.5
    assert np.abs(of_ffmpeg(path, SIZE[1], SIZE[0]) - expected).mean() > 10, "without a mapping it is another picture"


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_the_same_scene_in_both_ranges_is_the_same_picture(tmp_path, transfer):
    to_high = f"zscale=tin=709:min=gbr:pin=709:rin=pc:t={transfer}:p=2020:m=2020_ncl:r=tv:npl=203,format=yuv420p10le"
    images, _ = shown(high(tmp_path / "a.mp4", f"format=gbrp,{to_high}", transfer))
    plain = np.array([gradients(i, *SIZE) for i in range(2)]).astype(int)
    usual = plain.max(axis=3) < 255 * dynamic_range.KNEE ** (1 / dynamic_range.GAMMA)
    assert 0.5 < usual.mean() < 1
    assert np.abs(images - plain)[usual].mean() < 3
    assert (images.max(axis=3)[~usual] >= 150).all(), "what is brighter stays brighter"


def test_light_up_to_the_knee_stays_and_the_peak_is_the_white():
    ramp = np.linspace(0, dynamic_range.PEAK_NITS / dynamic_range.WHITE_NITS, 400, dtype=np.float32)
    grey = np.repeat(ramp[:, None], 3, axis=1)
    found = dynamic_range.compressed(grey)[:, 0]
    below = ramp <= dynamic_range.KNEE
    np.testing.assert_array_equal(found[below], ramp[below])
    assert (np.diff(found) > 0).all()
    assert found[-1] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("transfer", "nits_of_half"), [(dynamic_range.PQ, 92.2), (dynamic_range.HLG, 50.7)])
def test_greys_have_the_light_of_their_standard(transfer, nits_of_half):
    half = dynamic_range.LIGHT[transfer]()[32768] * dynamic_range.WHITE_NITS
    assert half == pytest.approx(nits_of_half, rel=5e-3)  # BT.2100: EOTF of PQ; inverse OETF and OOTF of HLG
    grey = np.full((2, 3, 3), 32768, np.uint16)
    found = dynamic_range.standard(grey, transfer, 9)
    assert found.shape == (2, 3, 3)
    assert len(np.unique(found)) == 1


def test_pictures_of_the_standard_range_are_not_touched(tmp_path):
    plain = make.clip(tmp_path / "p.mkv", n=2, codec="ffv1", pixels="bgr0", size=SIZE, paint=gradients)
    images, facts = shown(plain)
    assert not facts.hdr
    np.testing.assert_array_equal(images[0], gradients(0, *SIZE))
