"""Program synthesis from labelled strings: targets, their data, a learner, a researcher."""
