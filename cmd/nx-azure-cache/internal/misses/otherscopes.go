package misses

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/history"
)

// How much is read of scopes that a run does not read. There may be one for each pull
// request.
const (
	maxOtherScopes  = 20
	maxOtherRecords = 10 // of each
)

// readOthers passes on the newest records of scopes that the run does not read, because one
// of them may have stored the result. It is only a help, so errors do not count.
func (s *storage) readOthers(ctx context.Context, reads []trust.Scope, query history.Query, progress *progress, add func(*runs.Record)) {
	scopes, _ := s.scopes(ctx) // those before the error
	others := slices.DeleteFunc(scopes, func(scope trust.Scope) bool { return slices.Contains(reads, scope) })
	query.Limit = maxOtherRecords
	for _, scope := range others[:min(len(others), maxOtherScopes)] {
		_, _ = s.read(ctx, []trust.Scope{scope}, query, progress, add)
	}
}

// compareScopes sorts what is for all runs first, then pull requests, the newest first.
func compareScopes(a, b trust.Scope) int {
	return cmp.Or(cmp.Compare(number(b), number(a)), cmp.Compare(a, b))
}

// number returns the number of a pull request, 0 for a branch.
func number(scope trust.Scope) int {
	kind, name, _ := strings.Cut(string(scope), "-")
	if name == "" {
		return math.MaxInt // trusted, shared or local
	}
	n, err := strconv.Atoi(name)
	if err != nil || trust.Kind(kind) != trust.KindPullRequest {
		return 0
	}
	return n
}
