"""How the names of clips end: one list for all corpora and for predictions.

A file of another name may be a clip all the same; whoever walks a folder can find out by reading its header
(`media.probing`).
"""

VIDEO = frozenset(
    ".3g2 .3gp .asf .avi .divx .f4v .flv .m2ts .m2v .m4v .mkv .mov .mp4 .mpe .mpeg .mpg .mts .ogm .ogv .qt .ts .vob"
    " .webm .wmv".split()
)
AUDIO = frozenset(".aac .flac .m4a .m4b .mka .mp2 .mp3 .oga .ogg .opus .spx .wav .wma".split())
CLIPS = VIDEO | AUDIO
