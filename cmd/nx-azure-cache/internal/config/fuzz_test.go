package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// FuzzSettings reads any block of nx.json with any variables. All messages are single
// lines without a secret. Valid settings are read back unchanged.
func FuzzSettings(f *testing.F) {
	testenv.AddConfigs(f)
	f.Fuzz(func(t *testing.T, config, connection, mode string, ci bool) {
		if !json.Valid([]byte(config)) && config != "" {
			t.Skip("rpc refuses it")
		}
		environment := testenv.Env{ConnectionVariable: connection, ModeVariable: mode, trust.RefVariable: "refs/heads/x"}
		got, warnings, err := ReadSettings(json.RawMessage(config), ci, environment.Get)
		for _, line := range slices.Concat(diagnostic.Strings(warnings), problemsOf(err)) {
			testenv.CheckLine(t, line)
			testenv.CheckSecrets(t, line, config, connection, mode)
		}
		if err == nil && got.Mode != cache.NoCache {
			checkRight(t, got, config, ci, environment)
			if unknown := unknownKeys(t, config); len(warnings) != unknown && !got.Trust.Shared {
				t.Errorf("got the warnings %q about %d unknown keys", warnings, unknown)
			}
		}
	})
}

// problemsOf returns the message of each error that readSettings has joined.
func problemsOf(err error) (messages []string) {
	if err == nil {
		return nil
	}
	joined, ok := errors.AsType[interface {
		error
		Unwrap() []error
	}](err)
	if !ok {
		return []string{err.Error()}
	}
	for _, err := range joined.Unwrap() {
		messages = append(messages, err.Error())
	}
	return messages
}

// checkRight fails unless accepted settings are valid, and a block that is made of them
// is read back unchanged.
func checkRight(t *testing.T, got Settings, config string, ci bool, environment testenv.Env) {
	t.Helper()
	if endpoint.CheckContainer(got.Container) != nil || !cache.ValidPrefix(got.Prefix) {
		t.Errorf("accepted the container %q and the prefix %q", got.Container, got.Prefix)
	}
	for name, d := range map[string]time.Duration{
		"connect": got.Limits.Connect, "firstByte": got.Limits.FirstByte, "stall": got.Limits.Stall, "drain": got.Drain,
	} {
		if (d < minTimeout || d > maxTimeout) && (name != "drain" || d != 0) {
			t.Errorf("accepted %s for %s", d, name)
		}
	}
	again, err := json.Marshal(map[string]any{
		"container": got.Container, "accountName": got.AccountName, "endpoint": got.Endpoint, "prefix": got.Prefix,
		"credential": got.credential, "cloud": got.cloud,
		"localMode": got.Mode, "ciMode": got.Mode,
		"timeouts": map[string]string{
			"connect": got.Limits.Connect.String(), "firstByte": got.Limits.FirstByte.String(),
			"stall": got.Limits.Stall.String(), "drain": got.Drain.String(),
		},
		"trust":           trustBlock(got.Trust),
		"maxArtifactSize": got.MaxArtifactSize, "cacheFailures": got.CacheFailures, "backfill": got.Backfill, "include": got.Tasks.Include, "exclude": got.Tasks.Exclude,
		"records": got.Records, "jobSummary": got.JobSummary || !ci, "verify": strconv.FormatFloat(got.Verify*100, 'f', -1, 64) + "%",
	})
	if err != nil {
		t.Fatal(err)
	}
	same, warnings, err := ReadSettings(again, ci, environment.Get)
	same.Trust.Verifier, got.Trust.Verifier = nil, nil // which has the revoked keys, too
	if !reflect.DeepEqual(same, got) || len(warnings) > 0 || err != nil {
		t.Errorf("read %s as %+v\nand that as %+v, %q, %v", config, got, same, warnings, err)
	}
}

// trustBlock returns the block "azure.trust" of the settings.
func trustBlock(t TrustSettings) map[string]any {
	block := map[string]any{"isolation": "branch", "containers": t.containers, "branches": t.branches, "repositories": t.Repositories}
	if t.Shared {
		block = map[string]any{"isolation": "none"}
	}
	var keys []string
	for _, key := range t.Keys {
		keys = append(keys, key.String())
	}
	block["publicKeys"] = keys
	return block
}

// unknownKeys counts the unknown keys of a block.
func unknownKeys(t *testing.T, config string) (n int) {
	t.Helper()
	var block map[string]any
	if err := json.Unmarshal([]byte(config), &block); err != nil {
		t.Fatal(err)
	}
	timeouts, _ := block["timeouts"].(map[string]any)
	trusted, _ := block["trust"].(map[string]any)
	for known, keys := range map[string]map[string]any{
		" container accountName endpoint prefix credential cloud localMode ciMode timeouts trust maxArtifactSize cacheFailures backfill include exclude records jobSummary verify ": block,
		" connect firstByte stall drain ":                                     timeouts,
		" branches containers isolation publicKeys repositories revokedKeys ": trusted,
	} {
		for key := range keys {
			if strings.ContainsAny(key, " ") || !strings.Contains(known, fmt.Sprintf(" %s ", key)) {
				n++
			}
		}
	}
	return n
}
