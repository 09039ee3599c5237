package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
)

// block is the block "azure" as it is written, white space around values
// aside. An empty string is a key that is not set.
type block struct {
	container, accountName, endpoint, prefix string
	credential, cloud                        string
	localMode, ciMode                        string
	connect, firstByte, stall, drain         string // of timeouts
	trust                                    trustSettings
	maxArtifactSize                          cache.Size // 0 is a key that is not set
	include, exclude                         []string
	cacheFailures                            bool
}

// reader reads the value that stands at a path in the block.
type reader func(path string, value any, wrong mistakes) (warnings []string)

// keys are all keys of the block.
func (b *block) keys() map[string]reader {
	return map[string]reader{
		"container":   text(&b.container),
		"accountName": text(&b.accountName),
		"endpoint":    text(&b.endpoint),
		"prefix":      text(&b.prefix),
		"credential":  text(&b.credential),
		"cloud":       text(&b.cloud),
		"localMode":   text(&b.localMode),
		"ciMode":      text(&b.ciMode),
		"include":     texts(&b.include),
		"exclude":     texts(&b.exclude),
		failuresKey:   boolean(&b.cacheFailures),
		maxSizeKey:    b.readMaxSize,
		timeoutsKey:   b.readTimeouts,
		trustKey: func(_ string, value any, wrong mistakes) (warnings []string) {
			b.trust, warnings = readTrust(value, wrong)
			return warnings
		},
	}
}

// The keys of values that are no texts.
const (
	timeoutsKey = "timeouts"
	maxSizeKey  = "maxArtifactSize"
	failuresKey = "cacheFailures"
)

func (b *block) readTimeouts(path string, value any, wrong mistakes) (warnings []string) {
	switch object := value.(type) {
	case nil: // or null: not set
	case map[string]any:
		return readKeys(object, path+".", map[string]reader{
			"connect":   text(&b.connect),
			"firstByte": text(&b.firstByte),
			"stall":     text(&b.stall),
			"drain":     text(&b.drain),
		}, wrong)
	default:
		wrong.add(inKey(path), errors.New(`must be an object, such as { "drain": "60s" }`))
	}
	return nil
}

// readMaxSize reads a size, or a number of bytes.
func (b *block) readMaxSize(path string, value any, wrong mistakes) []string {
	seen, ok := "", false
	switch value := value.(type) {
	case string:
		text := strings.TrimSpace(value)
		if text == "" {
			return nil
		}
		seen = shown(text)
		b.maxArtifactSize, ok = cache.ParseSize(text)
	case float64:
		seen = strconv.FormatFloat(value, 'g', -1, 64)
		b.maxArtifactSize, ok = cache.SizeOf(value), value >= 1 && value == math.Trunc(value)
	default:
		seen = "neither a text nor a number"
	}
	if !ok {
		wrong.add(inKey(path), fmt.Errorf(`is %s; allowed are sizes such as "500MB" and "1.5GiB", with one of B, KB, MB, GB, KiB, MiB and GiB, and numbers of bytes`, seen))
	}
	return nil
}

// readBlock reads all that is written; what it may be is not looked at here.
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
	return b, readKeys(keys, "", b.keys(), wrong)
}

// readKeys reads an object that stands behind a path in the block. A key that is
// not known is no mistake: a newer version may know it, and the build goes on.
func readKeys(object map[string]any, path string, known map[string]reader, wrong mistakes) (warnings []string) {
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if read := known[key]; read != nil {
			warnings = append(warnings, read(path+key, object[key], wrong)...)
		} else {
			warnings = append(warnings, unknownKey(path+key, suggest(key, slices.Sorted(maps.Keys(known)))))
		}
	}
	return warnings
}

func unknownKey(key, suggestion string) string {
	return fmt.Sprintf("%s has an unknown key %s, which is ignored; %s", inBlock, shown(key), suggestion)
}

// text reads a string.
func text(field *string) reader {
	return func(path string, value any, wrong mistakes) []string {
		text, isText := value.(string)
		switch {
		case !isText:
			wrong.add(inKey(path), errors.New("must be a string"))
		case strings.ContainsAny(text, foreign):
			wrong.add(inKey(path), fmt.Errorf("is %s with one of %s in it, which no setting has; a connection string belongs in %s, a SAS URL in %s",
				shown(text), foreign, connectionVariable, sasVariable))
		default:
			*field = strings.TrimSpace(text)
		}
		return nil
	}
}

// boolean reads true or false, and nothing that is meant to be one of them.
func boolean(field *bool) reader {
	return func(path string, value any, wrong mistakes) []string {
		isTrue, isBoolean := value.(bool)
		if !isBoolean {
			wrong.add(inKey(path), errors.New("must be true or false, without quotes"))
		}
		*field = isTrue
		return nil
	}
}

// texts reads an array of strings. Empty ones are not set.
func texts(field *[]string) reader {
	return func(path string, value any, wrong mistakes) []string {
		if value == nil { // null: not set
			return nil
		}
		elements, isArray := value.([]any)
		*field = []string{}
		for _, element := range elements {
			text, isText := element.(string)
			isArray = isArray && isText
			if text = strings.TrimSpace(text); text != "" {
				*field = append(*field, text)
			}
		}
		if !isArray {
			wrong.add(inKey(path), errors.New("must be an array of strings"))
		}
		return nil
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

// checkValue adds a wrong value to the rule that it breaks.
func checkValue(value string, check func(string) error) error {
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
