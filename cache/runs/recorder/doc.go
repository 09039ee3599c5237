// Package recorder makes the record of a run (package runs) from its two halves: what the
// cache did with each hash, which a [Recorder] collects, and what Nx did with each task,
// which the client hands over at the end of the run ([ReadHandOver]).
//
// It knows outcomes, and which of two contradicting ones wins. It must not know the
// protocol, files, nor who reads the record. A record is for people: nothing here fails a
// request, and memory is bounded.
package recorder
