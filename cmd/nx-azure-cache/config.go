package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/agnivade/levenshtein"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/license"
)

// The variables that stand beside the block "azure" of nx.json and beat it.
const (
	connectionVariable = "AZURE_STORAGE_CONNECTION_STRING"
	modeVariable       = "NX_POWERPACK_CACHE_MODE"
)

// settings are the block "azure" of nx.json and the environment, put together.
type settings struct {
	mode             cache.Mode
	container        string
	accountName      string
	endpoint         string
	prefix           string
	connectionString azure.Secret
	limits           azure.Limits
	trust            trustSettings
	drain            time.Duration // for which entries are stored after the end of a run
}

// defaultDrain is longer than what a run has left to store usually takes, and
// short enough for somebody who looks at it.
const defaultDrain = time.Minute

// block is the block "azure" as it is written, white space around values
// aside. An empty string is a key that is not set.
type block struct {
	container, accountName, endpoint, prefix, localMode, ciMode string
	connect, firstByte, stall, drain                            string // of timeouts
	trust                                                       trustSettings
}

func (b *block) fields() map[string]*string {
	return map[string]*string{
		"container":   &b.container,
		"accountName": &b.accountName,
		"endpoint":    &b.endpoint,
		"prefix":      &b.prefix,
		"localMode":   &b.localMode,
		"ciMode":      &b.ciMode,
	}
}

// timeoutsKey is the key of an object.
const timeoutsKey = "timeouts"

func (b *block) timeouts() map[string]*string {
	return map[string]*string{
		"connect":   &b.connect,
		"firstByte": &b.firstByte,
		"stall":     &b.stall,
		"drain":     &b.drain,
	}
}

// mistakes maps where a mistake was made to an error that completes the
// sentence. Only the first of each place counts.
type mistakes map[string]error

func (m mistakes) add(place string, err error) {
	if m[place] == nil && err != nil {
		m[place] = err
	}
}

func (m mistakes) join() error {
	var errs []error
	for _, place := range slices.Sorted(maps.Keys(m)) {
		errs = append(errs, fmt.Errorf("%s %w", place, m[place]))
	}
	return errors.Join(errs...)
}

// The places of mistakes in nx.json: the block itself, and its keys.
const inBlock = `"azure" in nx.json`

func inKey(key string) string { return "azure." + key + " in nx.json" }

// readSettings is the one place where the environment meets nx.json. The error
// joins all mistakes; warnings are about what is ignored. Mistakes that only
// matter to a cache in use are none when the mode is no-cache.
func readSettings(config json.RawMessage, ci bool, getenv func(string) string) (settings, []string, error) {
	wrong := make(mistakes)
	b, warnings := readBlock(config, wrong)
	s := settings{
		mode:             chooseMode(b, ci, getenv, wrong),
		container:        b.container,
		accountName:      b.accountName,
		endpoint:         b.endpoint,
		prefix:           b.prefix,
		connectionString: azure.Secret(strings.TrimSpace(getenv(connectionVariable))),
		limits: azure.Limits{
			Connect:   duration("connect", b.connect, azure.DefaultLimits.Connect, wrong),
			FirstByte: duration("firstByte", b.firstByte, azure.DefaultLimits.FirstByte, wrong),
			Stall:     duration("stall", b.stall, azure.DefaultLimits.Stall, wrong),
		},
		trust: b.trust,
		drain: duration("drain", b.drain, defaultDrain, wrong),
	}
	if s.mode == cache.NoCache {
		return settings{mode: cache.NoCache}, nil, nil
	}
	if wrong[inBlock] == nil {
		s.check(wrong)
	}
	return s, warnings, wrong.join()
}

func readBlock(config json.RawMessage, wrong mistakes) (b block, warnings []string) {
	if len(config) == 0 || bytes.Equal(config, []byte("null")) {
		wrong.add(inBlock, errors.New("is missing: add it with container and accountName, "+
			"or run `nx g @nx/powerpack-azure-cache:init`"))
		return b, nil
	}
	var keys map[string]any
	if json.Unmarshal(config, &keys) != nil {
		wrong.add(inBlock, errors.New("must be an object")) // not repeated: it may be a secret
		return b, nil
	}
	warnings = readKeys(keys, "", b.fields(), wrong)
	switch timeouts := keys[timeoutsKey].(type) {
	case nil: // or null: not set
	case map[string]any:
		warnings = append(warnings, readKeys(timeouts, timeoutsKey+".", b.timeouts(), wrong)...)
	default:
		wrong.add(inKey(timeoutsKey), errors.New(`must be an object, such as { "drain": "60s" }`))
	}
	var more []string
	b.trust, more = readTrust(keys[trustKey], wrong)
	return b, append(warnings, more...)
}

// readKeys reads what is in an object that stands behind a path in the block.
func readKeys(keys map[string]any, path string, fields map[string]*string, wrong mistakes) (warnings []string) {
	known := slices.Sorted(maps.Keys(fields))
	if path == "" {
		known = append(known, timeoutsKey, trustKey)
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		field := fields[key]
		text, isText := keys[key].(string)
		switch {
		case !slices.Contains(known, key):
			warnings = append(warnings, unknownKey(path+key, suggest(key, known)))
		case field == nil: // an object of its own
		case !isText:
			wrong.add(inKey(path+key), errors.New("must be a string"))
		case strings.ContainsAny(text, foreign):
			wrong.add(inKey(path+key), fmt.Errorf("is %s with one of %s in it, which no setting has; a connection string or SAS belongs in %s",
				shown(text), foreign, connectionVariable))
		default:
			*field = strings.TrimSpace(text)
		}
	}
	return warnings
}

func unknownKey(key, suggestion string) string {
	return fmt.Sprintf("%s has an unknown key %s, which is ignored; %s", inBlock, shown(key), suggestion)
}

// The shortest and the longest time limit. One of a few milliseconds is a unit
// forgotten, one of hours a run that hangs.
const (
	minTimeout = 100 * time.Millisecond
	maxTimeout = 10 * time.Minute
)

// duration reads a time limit. Only the one for storing after the end may be 0:
// do not wait.
func duration(key, text string, otherwise time.Duration, wrong mistakes) time.Duration {
	if text == "" {
		return otherwise
	}
	d, err := time.ParseDuration(text)
	isZero := key == "drain" && err == nil && d == 0
	if err != nil || (d < minTimeout || d > maxTimeout) && !isZero {
		wrong.add(inKey(timeoutsKey+"."+key), fmt.Errorf(`is %s; allowed are times from "100ms" to "10m", such as "%s"`, shown(text), otherwise))
		return otherwise
	}
	return d
}

// suggest names the known key that is most like key, or all of them when none
// is near enough to be meant.
func suggest(key string, known []string) string {
	distance := func(other string) int {
		return levenshtein.ComputeDistance(strings.ToLower(key), strings.ToLower(other))
	}
	nearest := slices.MinFunc(known, func(a, b string) int { return cmp.Compare(distance(a), distance(b)) })
	begins := key != "" && strings.HasPrefix(strings.ToLower(nearest), strings.ToLower(key))
	if distance(nearest) > len(nearest)/3 && !begins {
		return "known keys are " + strings.Join(known, ", ")
	}
	return "did you mean " + nearest + "?"
}

// chooseMode names the key or variable that holds an unknown mode: an unknown
// value once disabled a cache silently (nx#31144).
func chooseMode(b block, ci bool, getenv func(string) string, wrong mistakes) cache.Mode {
	place, text := inKey("localMode"), b.localMode
	if ci {
		place, text = inKey("ciMode"), b.ciMode
	}
	if override := strings.TrimSpace(getenv(modeVariable)); override != "" {
		place, text = modeVariable, override
	}
	if text == "" {
		return cache.ReadWrite
	}
	mode, ok := cache.ParseMode(text)
	if !ok {
		wrong.add(place, fmt.Errorf("is %s; allowed are %s, %s (or read) and %s",
			shown(text), cache.ReadWrite, cache.ReadOnly, cache.NoCache))
	}
	return mode
}

// check adds every mistake at once. What is not used is not looked at: any one
// of connection string, endpoint and account name is enough (nx#30018), and
// the first of them decides.
func (s settings) check(wrong mistakes) {
	if s.container == "" {
		wrong.add(inKey("container"), errors.New("is missing: name a container that exists"))
	} else {
		wrong.add(inKey("container"), explain(s.container, azure.CheckContainer))
	}
	switch {
	case s.connectionString != "":
	case s.endpoint != "":
		wrong.add(inKey("endpoint"), explain(s.endpoint, azure.CheckEndpoint))
	case s.accountName != "":
		wrong.add(inKey("accountName"), explain(s.accountName, azure.CheckAccountName))
	case wrong[inKey("endpoint")] == nil: // else it is meant to be used
		wrong.add(inKey("accountName"), fmt.Errorf("is missing: name the storage account, or set %s", connectionVariable))
	}
	if tokens.MatchString(s.prefix) { // whose characters are those of a prefix
		wrong.add(inKey("prefix"), fmt.Errorf("is %s, which look like a licence; that belongs in %s", shown(s.prefix), license.Variable))
	}
	if !cache.ValidPrefix(s.prefix) {
		wrong.add(inKey("prefix"), fmt.Errorf("is %s; allowed are segments of letters, digits, \".\", \"_\" and \"-\" with \"/\" between them", shown(s.prefix)))
	}
}

// tokens are JWTs, such as a licence: a JSON object in base64, and more.
var tokens = regexp.MustCompile(`(^|/)eyJ[0-9A-Za-z_-]+\.`)

// explain adds a wrong value to the rule that it breaks.
func explain(value string, check func(string) error) error {
	if err := check(value); err != nil {
		return fmt.Errorf("is %s; %w", shown(value), err)
	}
	return nil
}

// foreign are characters of keys, client secrets, connection strings and SAS
// that are in no correct setting.
const foreign = "=;?&~"

// shown quotes a wrong value, unless it may be a secret that somebody put into
// the wrong place.
func shown(value string) string {
	if len(value) > 63 || strings.ContainsAny(value, foreign) {
		return fmt.Sprintf("a text of %d characters", len(value))
	}
	return strconv.Quote(value)
}
