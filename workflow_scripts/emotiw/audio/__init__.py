"""The audio system: openSMILE features, standardisation and the BLSTM networks."""
