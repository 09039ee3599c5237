package rpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"slices"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/directory"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cache/taskhash"
)

// State is the state of a server, which keeps it up to date in a file in its folder (see
// [scratch.FolderPath]). `nx-azure-cache drain` reads it when the client can no longer
// wait.
type State struct {
	ProcessID int           `json:"processId"`
	Beat      uint64        `json:"beat"`    // number of updates so far; it changes while the server works
	Waiting   int           `json:"waiting"` // entries whose outcome is unknown
	Bytes     int64         `json:"bytes"`   // to send, of the packed entries
	Summary   cache.Summary `json:"summary"`
	// Problems are the first problem of each kind; their More counts the others.
	Problems []StoredParams `json:"problems"`
	// Recording is set while the server makes the record of the run, if the client should
	// wait for it. It does not count as waiting.
	Recording bool `json:"recording,omitempty"`
	// RecordProblem says why the record is not stored: one whole line for people,
	// of the diagnostic NXAC103; "" if nothing failed.
	RecordProblem string `json:"recordProblem,omitempty"`
}

const (
	stateName = "state"
	// A state has at most maxProblems problems, with reasons of maxReason bytes.
	maxProblems = 5
	maxReason   = 1000
	// maxWritten is the maximum size of a reason as a reader sees it: JSON writes three
	// bytes for each that is not UTF-8.
	maxWritten = 3 * (maxReason + 1)
)

// maxState is larger than any state that a server writes. Reasons are most of it, and JSON
// writes at most six bytes for each of theirs.
const maxState = 64 << 10

// ReadState reads the state of the server that works in a folder. It fails if the server is
// just writing the state. The folder must be private to this user (see [scratch.Visit]);
// ReadState checks the content in any case.
func ReadState(folder *os.Root) (State, error) {
	var state State
	content, err := directory.ReadFile(folder, stateName, maxState)
	if err != nil {
		return state, err
	}
	// Content that is only partly written does not match its checksum.
	sum, encoded, _ := bytes.Cut(bytes.TrimRight(content, " "), []byte(" "))
	if string(sum) != checksum(encoded) {
		return state, errors.New("the state is being written")
	}
	if err := json.Unmarshal(encoded, &state); err != nil {
		return State{}, err
	}
	if !state.isPossible() {
		return State{}, errors.New("the state is invalid")
	}
	return state, nil
}

// isPossible reports whether a server may have written the state.
func (s *State) isPossible() bool {
	if s.ProcessID <= 0 || s.Waiting < 0 || s.Bytes < 0 || len(s.Problems) > maxProblems || len(s.RecordProblem) > maxWritten {
		return false
	}
	for _, problem := range s.Problems {
		if !problem.isProblem() || problem.More < 0 || len(problem.Reason) > maxWritten || taskhash.Check(problem.Hash) != nil {
			return false
		}
	}
	return true
}

func checksum(encoded []byte) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE(encoded)) }

// stateFile is the content of the state file. A server writes it for each request, and
// reuses the memory.
type stateFile struct {
	content []byte
	longest int // bytes ever written
}

// fill encodes a state, padded with spaces to the longest one so far, so that one write
// replaces any earlier content.
func (f *stateFile) fill(state State) error {
	encoded, err := json.Marshal(state)
	if err != nil {
		return err
	}
	f.content = append(f.content[:0], checksum(encoded)+" "...)
	f.content = append(f.content, encoded...)
	for len(f.content) < f.longest {
		f.content = append(f.content, ' ')
	}
	f.longest = len(f.content)
	return nil
}

// write replaces the state in a folder.
func (f *stateFile) write(folder *os.Root) error {
	file, err := folder.OpenFile(stateName, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer file.Close() // on failure, readers see the previous state
	_, err = file.WriteAt(f.content, 0)
	return err
}

// isProblem reports whether the client should report the outcome to the user.
func (p *StoredParams) isProblem() bool {
	switch p.Outcome {
	case cache.OutcomeFailed, cache.OutcomeRefused, cache.OutcomeDiffers:
		return true
	}
	return false
}

// isLike reports whether two outcomes are of the same kind.
func (p *StoredParams) isLike(other StoredParams) bool {
	code := func(p *StoredParams) int64 {
		if p.Code == nil {
			return 0
		}
		return *p.Code
	}
	return p.Outcome == other.Outcome && code(p) == code(&other)
}

// addProblem adds an outcome if it is the first problem of its kind, and counts the others.
func addProblem(problems []StoredParams, outcome StoredParams) []StoredParams {
	switch i := slices.IndexFunc(problems, outcome.isLike); {
	case i >= 0:
		problems[i].More++
	case outcome.isProblem() && len(problems) < maxProblems:
		outcome.Reason = printable.Short(outcome.Reason, maxReason)
		problems = append(problems, outcome)
	}
	return problems
}
