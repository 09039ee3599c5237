package config

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
	"github.com/nx-azure-cache/nx-azure-cache/cache/fileerror"
)

// azureVariables matches variables that the Azure SDK and az read, and those in which CIs
// provide tokens.
var azureVariables = regexp.MustCompile(`^(AZURE_|IDENTITY_|MSI_|IMDS_|ACTIONS_ID_TOKEN_|SYSTEM_ACCESSTOKEN$|SYSTEM_OIDC)`)

// Explaining returns the ignored claims that may explain why a request fails. An
// application may have such variables for its own use.
func (c Claims) Explaining() (all []Claim) {
	network := make(map[string]bool)
	_, _ = transport.ReadEnvironment(func(name string) string {
		network[variableKey(name)] = true
		return ""
	})
	for _, key := range slices.Sorted(maps.Keys(c)) {
		if (azureVariables.MatchString(key) || network[key]) && !c.counts(c[key]) && countedClaims[key] == nil {
			all = append(all, c[key])
		}
	}
	return all
}

// ExplainErrors adds a hint to the errors of blobs: where the account comes from, and
// which ignored claims may be the cause.
func (s Settings) ExplainErrors(blobs cache.Blobs) cache.Blobs {
	hint := "the account comes from " + s.AccountFrom()
	if list := s.Claims.Explaining(); len(list) > 0 {
		hint += "; " + IgnoredClaims(list) + fmt.Sprintf("; if the cache needs %s, set %s in the environment", itOrThem(list), itOrThem(list))
	}
	return explainedBlobs{blobs, hint}
}

// explainedBlobs adds a hint to errors.
type explainedBlobs struct {
	blobs cache.Blobs
	hint  string
}

func (e explainedBlobs) Get(ctx context.Context, name string) (*cache.Blob, error) {
	blob, err := e.blobs.Get(ctx, name)
	return blob, e.explained(err)
}

func (e explainedBlobs) Exists(ctx context.Context, name string) (bool, error) {
	exists, err := e.blobs.Exists(ctx, name)
	return exists, e.explained(err)
}

func (e explainedBlobs) Put(ctx context.Context, name string, body io.ReadSeeker, metadata cache.Metadata) error {
	return e.explained(e.blobs.Put(ctx, name, body, metadata))
}

func (e explainedBlobs) Replace(ctx context.Context, name, etag string, body io.ReadSeeker, metadata cache.Metadata) error {
	return e.explained(e.blobs.Replace(ctx, name, etag, body, metadata))
}

func (e explainedBlobs) explained(err error) error {
	_, unreadable := errors.AsType[*cache.UnreadableError](err)
	isAnswer := err == nil || unreadable || fileerror.Is(err) || errors.Is(err, cache.ErrNotFound) || errors.Is(err, cache.ErrExists) || errors.Is(err, context.Canceled)
	if isAnswer {
		return err
	}
	return fmt.Errorf("%w (%s)", err, e.hint)
}
