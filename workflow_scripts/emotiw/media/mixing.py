"""Mix the channels of a sound to one, and notice channels that cancel each other in the mix."""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

WINDOW_S = 1.0  # length over which the mix is compared with the channels [ours]
CANCELLED, AUDIBLE = 0.03, 0.1  # power of the mix relative to the louder channel: below, above which it is lost [ours]
QUIET = 1e-9  # mean square of what counts as silence

Floats = npt.NDArray[np.float32]


class Mixer:
    """Mix of blocks of channels; a channel instead of the mix where the channels cancel each other.

    An inverted channel, as a wrongly wired cable makes it, silences the mix. Then the louder channel is taken, until
    the mix is audible again.

    Attributes
    ----------
    n_cancelled : int
        Number of samples that were taken from one channel.
    """

    def __init__(self, rate_hz: int) -> None:
        self._window = round(WINDOW_S * rate_hz)
        self._taken: int | None = None
        self.n_cancelled = 0

    def mixed(self, blocks: Iterable[Floats]) -> Iterator[Floats]:
        """Mono blocks (n_samples,) of blocks (n, n_samples) as a `Resampler` makes them."""
        held: list[Floats] = []
        for block in blocks:
            if len(block) == 1:
                yield from self._joined(held)
                held = []
                yield block[0]
                continue
            held.append(block)
            if sum(part.shape[1] for part in held) >= self._window:
                yield from self._joined(held)
                held = []
        yield from self._joined(held)

    def _joined(self, held: list[Floats]) -> Iterator[Floats]:
        if not held:
            return
        block = np.concatenate(held, axis=1)
        mix, channels = (block.mean(axis=0, dtype=np.float32), block) if len(block) == 2 else (block[0], block[1:])
        self._choose(mix, channels)
        if self._taken is None:
            yield mix
        else:
            self.n_cancelled += len(mix)
            yield channels[self._taken]

    def _choose(self, mix: Floats, channels: Floats) -> None:
        powers = np.square(channels, dtype=np.float64).mean(axis=1)
        loudest = powers.max(initial=0)
        if not QUIET < loudest < np.inf:
            return
        share = np.square(mix, dtype=np.float64).mean() / loudest
        if share < CANCELLED and self._taken is None:
            self._taken = int(powers.argmax())
        elif share > AUDIBLE:
            self._taken = None
