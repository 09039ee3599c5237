package rpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
)

// State is what a server publishes in its folder (see [cache.Folder]), always
// up to date, for whoever waits for it while the client cannot:
// `nx-azure-cache drain`.
type State struct {
	ProcessID int           `json:"processId"`
	Waiting   int           `json:"waiting"` // entries that are not stored yet
	Bytes     int64         `json:"bytes"`   // to send, as far as they are packed
	Summary   cache.Summary `json:"summary"`
	// Troubles are the first of each kind.
	Troubles []StoredParams `json:"troubles"`
}

const (
	stateName = "state"
	// stateSize is the length of the file, so that one write replaces whatever was
	// there.
	stateSize = 16 << 10
	// maxTroubles of maxReason bytes fit into it, also where JSON needs six bytes
	// for one.
	maxTroubles = 5
	maxReason   = 500
)

// ReadState returns what the server that works in a folder has published. An
// error may be that it was just doing so.
func ReadState(folder string) (State, error) {
	var state State
	content, err := os.ReadFile(filepath.Join(folder, stateName))
	if err != nil {
		return state, err
	}
	// A reader may see a part of what is written beside it: text and sum do not
	// fit then.
	sum, text, _ := bytes.Cut(bytes.TrimRight(content, " "), []byte(" "))
	if string(sum) != checksum(text) {
		return state, errors.New("the state is being written")
	}
	return state, json.Unmarshal(text, &state)
}

func checksum(text []byte) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE(text)) }

// publish replaces the state in a folder.
func publish(folder string, state State) error {
	text, err := json.Marshal(state)
	if err != nil {
		return err
	}
	page := make([]byte, 0, stateSize)
	page = append(page, checksum(text)+" "...)
	page = append(page, text...)
	page = append(page, bytes.Repeat([]byte(" "), max(0, stateSize-len(page)))...)
	f, err := os.OpenFile(filepath.Join(folder, stateName), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close() // a state that is not written is read as an old one
	_, err = f.WriteAt(page, 0)
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
	if len(it.Reason) > maxReason {
		it.Reason = strings.ToValidUTF8(it.Reason[:maxReason], "") + "…"
	}
	return append(troubles, it)
}
