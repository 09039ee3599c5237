package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest/faults"
)

// serving has the flags of the commands that serve.
type serving struct {
	port    int
	latency time.Duration
	rate    int64
	stdin   bool
}

func (s *serving) addTo(cmd *cobra.Command) {
	cmd.Flags().IntVar(&s.port, "port", 0, "port of 127.0.0.1 to listen on; 0 picks a free one")
	cmd.Flags().DurationVar(&s.latency, "latency", 0, "delay before each response, such as 20ms")
	cmd.Flags().Int64Var(&s.rate, "rate", 0, "bytes a second of each connection in each direction; 0 is unlimited")
	cmd.Flags().BoolVar(&s.stdin, "stdin", false, "exit at the end of stdin, and so with the process that holds its other end")
	require(cmd, "port")
}

// served is a server with what the control paths need.
type served interface {
	http.Handler
	Stats() azuretest.Stats
	Reset()
	WaitForPuts(ctx context.Context, n int64) error
}

// serve serves until the command's context ends. more adds control paths.
func (s *serving) serve(cmd *cobra.Command, network *faults.Network, handler served, more func(*http.ServeMux)) error {
	if err := configure(network, s.latency, s.rate); err != nil {
		return err
	}
	server, err := azuretest.Start(s.port, network, controlled(network, handler, more))
	if err != nil {
		return err
	}
	defer server.Close()
	if _, err := fmt.Fprintln(cmd.OutOrStdout(), "listening on "+server.URL); err != nil {
		return err
	}
	ended := make(chan struct{})
	if s.stdin {
		go func() {
			defer close(ended)
			_, _ = io.Copy(io.Discard, cmd.InOrStdin()) // an error also ends it
		}()
	}
	select {
	case <-cmd.Context().Done():
	case <-ended:
	}
	return nil
}

// configure sets the network.
func configure(network *faults.Network, latency time.Duration, rate int64) error {
	if latency < 0 || rate < 0 {
		return fmt.Errorf("latency %s, rate %d: neither can be negative", latency, rate)
	}
	network.SetLatency(latency)
	network.SetRate(rate)
	return nil
}

func serveBlobsCommand() *cobra.Command {
	var s serving
	var containers []string
	var requests int
	cmd := &cobra.Command{
		Use:   "serve-blobs --port N",
		Short: "Serve blobs from memory, until SIGTERM",
		Long: `Serve blobs from memory, until SIGTERM.

It is the Blob service of the account devstoreaccount1, and accepts any signature.
` + controlHelp + "\n" + blobControlHelp,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			service := azuretest.New(azuretest.Options{Containers: containers, Requests: requests})
			control := &blobControl{service: service}
			return s.serve(cmd, &service.Network, service, control.addTo)
		},
	}
	s.addTo(cmd)
	cmd.Flags().StringSliceVar(&containers, "container", nil, "container to create at the start; repeatable. Clients can create others")
	cmd.Flags().IntVar(&requests, "requests", 0, "how many requests to remember for /-/requests")
	return cmd
}

func serveHTTPCacheCommand() *cobra.Command {
	var s serving
	cmd := &cobra.Command{
		Use:   "serve-http-cache --port N",
		Short: "Serve Nx's own HTTP cache client from memory, until SIGTERM",
		Long: `Serve Nx's own HTTP cache client from memory, until SIGTERM: PUT and GET of
/v1/cache/HASH.
` + controlHelp,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			server := new(httpCache)
			return s.serve(cmd, &server.Network, server, func(*http.ServeMux) {})
		},
	}
	s.addTo(cmd)
	return cmd
}
