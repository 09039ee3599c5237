package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// FuzzSettings reads any block of nx.json beside any variables. What is said
// about them is lines that hold no secret and nothing that is foreign to
// settings; what is right about them is read the same again.
func FuzzSettings(f *testing.F) {
	addConfigs(f)
	f.Fuzz(func(t *testing.T, config, connection, mode string, ci bool) {
		if !json.Valid([]byte(config)) && config != "" {
			t.Skip("rpc refuses it")
		}
		environment := env{connectionVariable: connection, modeVariable: mode, trust.RefVariable: "refs/heads/x"}
		got, warnings, err := readSettings(json.RawMessage(config), ci, environment.get)
		for _, line := range slices.Concat(warnings, mistakesOf(err)) {
			checkLine(t, line)
			checkSecrets(t, line, config, connection, mode)
		}
		if err == nil && got.mode != cache.NoCache {
			checkRight(t, got, config, ci, environment)
			if unknown := unknownKeys(t, config); len(warnings) != unknown && !got.trust.shared {
				t.Errorf("got the warnings %q about %d unknown keys", warnings, unknown)
			}
		}
	})
}

// mistakesOf returns the text of each error that readSettings has joined.
func mistakesOf(err error) (texts []string) {
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
		texts = append(texts, err.Error())
	}
	return texts
}

// checkRight fails unless settings that were taken keep the rules, and are read
// the same from a block that is made of them.
func checkRight(t *testing.T, got settings, config string, ci bool, environment env) {
	t.Helper()
	if endpoint.CheckContainer(got.container) != nil || !cache.ValidPrefix(got.prefix) {
		t.Errorf("took the container %q and the prefix %q", got.container, got.prefix)
	}
	for name, d := range map[string]time.Duration{
		"connect": got.limits.Connect, "firstByte": got.limits.FirstByte, "stall": got.limits.Stall, "drain": got.drain,
	} {
		if (d < minTimeout || d > maxTimeout) && (name != "drain" || d != 0) {
			t.Errorf("took %s for %s", d, name)
		}
	}
	again, err := json.Marshal(map[string]any{
		"container": got.container, "accountName": got.accountName, "endpoint": got.endpoint, "prefix": got.prefix,
		"credential": got.credential, "cloud": got.cloud,
		"localMode": got.mode, "ciMode": got.mode,
		"timeouts": map[string]string{
			"connect": got.limits.Connect.String(), "firstByte": got.limits.FirstByte.String(),
			"stall": got.limits.Stall.String(), "drain": got.drain.String(),
		},
		"trust":           trustBlock(got.trust),
		"maxArtifactSize": got.maxArtifactSize, "cacheFailures": got.cacheFailures, "include": got.tasks.include, "exclude": got.tasks.exclude,
	})
	if err != nil {
		t.Fatal(err)
	}
	same, warnings, err := readSettings(again, ci, environment.get)
	same.trust.verifier, got.trust.verifier = nil, nil // which has the revoked keys, too
	if !reflect.DeepEqual(same, got) || len(warnings) > 0 || err != nil {
		t.Errorf("read %s as %+v\nand that as %+v, %q, %v", config, got, same, warnings, err)
	}
}

// trustBlock is what is written of the settings in "azure.trust".
func trustBlock(t trustSettings) map[string]any {
	block := map[string]any{"isolation": "branch", "containers": t.containers, "branches": t.branches, "repositories": t.repositories}
	if t.shared {
		block = map[string]any{"isolation": "none"}
	}
	var keys []string
	for _, key := range t.keys {
		keys = append(keys, key.String())
	}
	block["publicKeys"] = keys
	return block
}

// unknownKeys returns how many keys of a block nobody knows.
func unknownKeys(t *testing.T, config string) (n int) {
	t.Helper()
	var block map[string]any
	if err := json.Unmarshal([]byte(config), &block); err != nil {
		t.Fatal(err)
	}
	timeouts, _ := block["timeouts"].(map[string]any)
	trusted, _ := block["trust"].(map[string]any)
	for known, keys := range map[string]map[string]any{
		" container accountName endpoint prefix credential cloud localMode ciMode timeouts trust maxArtifactSize cacheFailures include exclude ": block,
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
