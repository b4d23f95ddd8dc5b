// Command registry keeps images for .ci/image, and has one to build on: an empty one for
// the user 65532, as a distroless base is but for certificates. It prints its address and
// ends with its standard input.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() {
		served <- http.Serve(listener, registry.New(registry.Logger(log.New(io.Discard, "", 0)))) //nolint:gosec // of this machine, for a minute
	}()
	config, err := empty.Image.ConfigFile()
	if err != nil {
		return err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Config.User = "linux", "amd64", "65532"
	base, err := mutate.ConfigFile(empty.Image, config)
	if err != nil {
		return err
	}
	place, err := name.ParseReference(listener.Addr().String()+"/base", name.Insecure)
	if err != nil {
		return err
	}
	if err := remote.Write(place, base); err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	go func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		served <- err
	}()
	return <-served
}
