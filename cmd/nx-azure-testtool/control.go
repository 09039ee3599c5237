package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest/faults"
)

const controlHelp = `
Control paths, without latency and not counted:
  GET  /-/stats       {gets, puts, heads, others, bytesIn, bytesOut, blobs, bytesStored, connections}
  GET  /-/wait?puts=N responds with the stats once N blobs have been written
  POST /-/reset       removes everything stored, and resets the stats
  POST /-/settings    {"latency": "20ms", "rate": 60000000}: changes both, or one of them`

// controlled adds the control paths to a server; more adds those that only this one has.
// They respond with JSON.
func controlled(network *faults.Network, server served, more func(*http.ServeMux)) http.Handler {
	control := http.NewServeMux()
	more(control)
	control.HandleFunc("GET /-/stats", func(w http.ResponseWriter, _ *http.Request) { reply(w, server.Stats()) })
	control.HandleFunc("GET /-/wait", func(w http.ResponseWriter, r *http.Request) {
		puts, err := strconv.ParseInt(r.URL.Query().Get("puts"), 10, 64)
		if err != nil {
			http.Error(w, "puts is not a number", http.StatusBadRequest)
			return
		}
		if server.WaitForPuts(r.Context(), puts) == nil {
			reply(w, server.Stats())
		}
	})
	control.HandleFunc("POST /-/reset", func(w http.ResponseWriter, _ *http.Request) {
		server.Reset()
		// The next run then gets the memory of the last one. Pages that were never touched are
		// slow on virtual machines.
		runtime.GC()
		reply(w, server.Stats())
	})
	control.HandleFunc("POST /-/settings", func(w http.ResponseWriter, r *http.Request) {
		settings, err := change(network, r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		reply(w, settings)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.URL.Path) >= 3 && r.URL.Path[:3] == "/-/" {
			control.ServeHTTP(w, r)
			return
		}
		server.ServeHTTP(w, r)
	})
}

func reply(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // the client may have gone
}

// settings are the settings that a request can change. Missing ones stay unchanged.
type settings struct {
	Latency *duration `json:"latency"`
	Rate    *int64    `json:"rate"`
}

// duration is a string such as "20ms", or a number of milliseconds.
type duration time.Duration

func (d *duration) UnmarshalJSON(data []byte) error {
	var milliseconds float64
	if json.Unmarshal(data, &milliseconds) == nil {
		*d = duration(milliseconds * float64(time.Millisecond))
		return nil
	}
	var written string
	if err := json.Unmarshal(data, &written); err != nil {
		return err
	}
	parsed, err := time.ParseDuration(written)
	*d = duration(parsed)
	return err
}

func (d duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// change changes the network as requested, and returns the settings.
func change(network *faults.Network, r *http.Request) (settings, error) {
	latency, rate := duration(network.Latency()), network.Rate()
	now := settings{&latency, &rate}
	if err := decode(r, &now); err != nil {
		return settings{}, err
	}
	if now.Latency == nil || now.Rate == nil {
		return settings{}, fmt.Errorf("a setting is null")
	}
	return now, configure(network, time.Duration(*now.Latency), *now.Rate)
}
