import numpy as np

from emotiw.weights import half_precision


def arrays(*dtypes):
    rng = np.random.default_rng(0)
    return {str(i): rng.normal(size=(3, 4)).astype(dtype) for i, dtype in enumerate(dtypes)}


def test_rounded_arrays_are_stored_in_half_the_bytes_without_a_loss():
    rounded = half_precision.rounded(arrays(np.float32, np.float32))
    narrow = half_precision.narrowed(rounded)
    assert {values.dtype for values in narrow.values()} == {np.dtype(np.float16)}
    wide = half_precision.widened(narrow)
    for name, values in rounded.items():
        assert wide[name].dtype == np.float32
        np.testing.assert_array_equal(wide[name], values)


def test_arrays_that_would_lose_digits_stay_as_they_are():
    given = half_precision.rounded(arrays(np.float32)) | {"exact": np.array([1 / 3], np.float32)}
    assert all(half_precision.narrowed(given)[name] is values for name, values in given.items())


def test_values_beyond_half_precision_are_not_narrowed():
    assert np.isinf(half_precision.rounded({"x": np.array([1e6], np.float32)})["x"]).all()
    assert half_precision.narrowed({"x": np.array([1e6], np.float32)})["x"].dtype == np.float32


def test_other_types_are_not_touched():
    given = arrays(np.float64, np.int64)
    assert half_precision.widened(given) == given
    assert half_precision.narrowed(given) == given
