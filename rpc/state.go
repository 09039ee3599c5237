package rpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cache/taskhash"
)

// State is what a server publishes in its folder (see [scratch.FolderPath]), always
// up to date, for whoever waits for it while the client cannot:
// `nx-azure-cache drain`.
type State struct {
	ProcessID int           `json:"processId"`
	Beat      uint64        `json:"beat"`    // times that it was published: it changes while the server works
	Waiting   int           `json:"waiting"` // entries that are not stored yet
	Bytes     int64         `json:"bytes"`   // to send, as far as they are packed
	Summary   cache.Summary `json:"summary"`
	// Troubles are the first of each kind.
	Troubles []StoredParams `json:"troubles"`
}

const (
	stateName = "state"
	// maxTroubles of maxReason bytes are written at once.
	maxTroubles = 5
	maxReason   = 500
	// maxWritten is what becomes of them: JSON writes three for each that is not
	// UTF-8.
	maxWritten = 3 * (maxReason + 1)
)

// maxState is more than the bytes of any state that a server writes: reasons are
// the most of it, and JSON spells a byte with six at most.
const maxState = 64 << 10

// ReadState returns what the server that works in a folder has published. An
// error may be that it was just doing so. The folder must be this user's alone
// (see [scratch.Visit]), and what it holds is checked all the same.
func ReadState(folder *os.Root) (State, error) {
	var state State
	content, err := readState(folder)
	if err != nil {
		return state, err
	}
	// A reader may see a part of what is written beside it: text and sum do not
	// fit then.
	sum, text, _ := bytes.Cut(bytes.TrimRight(content, " "), []byte(" "))
	if string(sum) != checksum(text) {
		return state, errors.New("the state is being written")
	}
	if err := json.Unmarshal(text, &state); err != nil {
		return State{}, err
	}
	if !state.isPossible() {
		return State{}, errors.New("no server writes such a state")
	}
	return state, nil
}

func readState(folder *os.Root) ([]byte, error) {
	// Opening what is no file may wait for ever.
	if info, err := folder.Lstat(stateName); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, errors.New("the state is not a file")
	}
	f, err := folder.Open(stateName)
	if err != nil {
		return nil, err
	}
	defer f.Close() // opened for reading: nothing is lost
	content, err := io.ReadAll(io.LimitReader(f, maxState+1))
	if err == nil && len(content) > maxState {
		err = errors.New("no server writes so large a state")
	}
	return content, err
}

// isPossible reports whether a server may have written a state.
func (s *State) isPossible() bool {
	if s.ProcessID <= 0 || s.Waiting < 0 || s.Bytes < 0 || len(s.Troubles) > maxTroubles {
		return false
	}
	for _, trouble := range s.Troubles {
		if !trouble.isTrouble() || len(trouble.Reason) > maxWritten || taskhash.Check(trouble.Hash) != nil {
			return false
		}
	}
	return true
}

func checksum(text []byte) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE(text)) }

// page is a state as it is written. It is used again for the next one, of which
// a server publishes one for each request.
type page struct {
	text []byte
	most int // bytes that were ever written
}

// fill puts a state on the page, and spaces where another one may be longer: one
// write replaces whatever was there.
func (p *page) fill(state State) error {
	text, err := json.Marshal(state)
	if err != nil {
		return err
	}
	p.text = append(p.text[:0], checksum(text)+" "...)
	p.text = append(p.text, text...)
	for len(p.text) < p.most {
		p.text = append(p.text, ' ')
	}
	p.most = len(p.text)
	return nil
}

// write replaces the state in a folder.
func (p *page) write(folder *os.Root) error {
	f, err := folder.OpenFile(stateName, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close() // a state that is not written is read as an old one
	_, err = f.WriteAt(p.text, 0)
	return err
}

// isTrouble reports whether the client has something to say about an outcome.
func (p *StoredParams) isTrouble() bool {
	return p.Outcome == cache.OutcomeFailed || p.Outcome == cache.OutcomeRefused
}

// isLike reports whether two outcomes are of one kind.
func (p *StoredParams) isLike(other StoredParams) bool {
	code := func(p *StoredParams) int64 {
		if p.Code == nil {
			return 0
		}
		return *p.Code
	}
	return p.Outcome == other.Outcome && code(p) == code(&other)
}

// addTrouble keeps the first of each kind of trouble.
func addTrouble(troubles []StoredParams, it StoredParams) []StoredParams {
	if !it.isTrouble() || len(troubles) == maxTroubles {
		return troubles
	}
	for _, other := range troubles {
		if it.isLike(other) {
			return troubles
		}
	}
	it.Reason = printable.Short(it.Reason, maxReason)
	return append(troubles, it)
}
