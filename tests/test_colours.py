"""Colours are those that a clip's tags name: matrix, range, depth and subsampling, equal to ffmpeg's."""

from fractions import Fraction

import av
import numpy as np
import pytest

from test_geometry import shown

SPACES = {"untagged": 2, "BT.709": 1, "BT.601": 6, "BT.2020": 9}
RANGES = {"limited": 1, "full": 2}
BARS = ((255, 0, 0), (0, 200, 0), (0, 0, 255), (200, 150, 120), (30, 60, 90), (255, 255, 255), (0, 0, 0), (128, 128, 0))


def bars(_index, width, height):
    """Eight coloured bars."""
    return np.repeat(np.array(BARS, np.uint8)[None, np.arange(width) * 8 // width], height, axis=0)


def tagged(path, space, colour_range, *, codec="libx264", pixels="yuv420p", size=(128, 48)):
    """Clip of bars whose values and tags are of a matrix and a range."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25)
        (stream.width, stream.height), stream.pix_fmt = size, pixels
        context = stream.codec_context
        context.colorspace, context.color_range = space, colour_range
        for index in range(3):
            frame = av.VideoFrame.from_ndarray(bars(index, *size), "rgb24")
            to = {"dst_colorspace": 5 if space == 2 else space, "dst_color_range": colour_range}
            frame = frame.reformat(format=pixels, **to)
            frame.colorspace, frame.color_range = space, colour_range
            frame.pts, frame.time_base = index, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def by_filters(path):
    """Pictures of FFmpeg's filters `scale` and `format`, as its programs insert them."""
    with av.open(str(path)) as clip:
        return np.array([filtered(frame) for frame in clip.decode(video=0)])


def filtered(frame):
    graph = av.filter.Graph()
    source = graph.add(
        "buffer",
        video_size=f"{frame.width}x{frame.height}",
        pix_fmt=frame.format.name,
        time_base="1/25",
        colorspace=str(int(frame.colorspace)),
        range=str(int(frame.color_range)),
    )
    nodes = [source, graph.add("scale"), graph.add("format", "rgb24"), graph.add("buffersink")]
    graph.link_nodes(*nodes).configure()
    source.push(frame)
    return nodes[-1].pull().to_ndarray()


@pytest.mark.parametrize("colour_range", RANGES)
@pytest.mark.parametrize("space", SPACES)
def test_matrix_and_range_are_those_of_the_tags(tmp_path, space, colour_range):
    path = tagged(tmp_path / "a.mkv", SPACES[space], RANGES[colour_range], codec="ffv1", pixels="yuv444p")
    images, _ = shown(path)
    np.testing.assert_array_equal(images, by_filters(path))
    assert np.abs(images[0].astype(int) - bars(0, 128, 48)).max() <= 3, "the colours that were written"


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize(("codec", "name"), [("libx264", "a.mp4"), ("libx265", "a.mp4"), ("libvpx-vp9", "a.webm")])
def test_the_tags_of_every_codec_are_read(tmp_path, codec, name, space):
    path = tagged(tmp_path / name, SPACES[space], 1, codec=codec)
    images, _ = shown(path)
    np.testing.assert_array_equal(images, by_filters(path))
    middle = images[0, 24, 8::16].astype(int)  # of each bar
    assert np.abs(middle - BARS).max() <= 12


@pytest.mark.parametrize(
    ("codec", "pixels", "size", "name"),
    [
        ("libx265", "yuv420p10le", (128, 48), "a.mp4"),
        ("libx264", "yuv422p", (128, 48), "a.mkv"),
        ("prores_ks", "yuv422p10le", (128, 48), "a.mov"),
        ("ffv1", "yuv420p", (129, 47), "a.mkv"),
        ("ffv1", "yuv411p", (128, 48), "a.mkv"),
        ("ffv1", "yuv410p", (128, 48), "a.mkv"),
        ("ffv1", "gray", (128, 48), "a.mkv"),
        ("mjpeg", "yuvj420p", (129, 47), "a.avi"),
    ],
)
def test_depths_and_subsamplings_are_converted_as_by_ffmpeg(tmp_path, codec, pixels, size, name):
    path = tagged(tmp_path / name, 1, 2 if "j" in pixels else 1, codec=codec, pixels=pixels, size=size)
    np.testing.assert_array_equal(shown(path)[0], by_filters(path))


def test_tags_that_change_midway_hold_from_there_on(tmp_path):
    expected, path = [], tmp_path / "both.ts"
    for space in (1, 6):
        expected.append(by_filters(tagged(tmp_path / f"{space}.mkv", space, 1)))
        with path.open("ab") as both:
            both.write(tagged(tmp_path / f"{space}.ts", space, 1).read_bytes())
    np.testing.assert_array_equal(shown(path)[0], np.concatenate(expected))
    assert np.abs(np.diff([part[0, 24, 8::16].astype(int) for part in expected], axis=0)).max() <= 12
