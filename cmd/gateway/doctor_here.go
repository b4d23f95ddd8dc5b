package main

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"

	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/events/broker"
)

// examineConfig reads the configuration; nil when it cannot be used.
func (d *doctor) examineConfig() *config {
	cfg, problems := loadConfig(d.path)
	for _, p := range problems {
		grade := gradeFail
		if p.Warning {
			grade = gradeWarn
		}
		p.File = filepath.Base(p.File)
		d.add(grade, "configuration", p.String(), "")
	}
	if cfg == nil {
		d.add(gradeFail, "configuration", "cannot be used; the rest was not looked at", "mend it until `gateway check` says ok")
		return nil
	}
	d.ok("configuration", d.path+": "+cfg.extent())
	return cfg
}

// examineStore looks whether the store can be reached and written.
func (d *doctor) examineStore(ctx context.Context, cfg *config) {
	if cfg.Broker.URL == "" {
		d.judge("store", "can be written: "+cfg.Broker.DataDir, writable(cfg.Broker.DataDir), "give the gateway's user the folder broker.data_dir, on a disk that has room")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, doctorLimit)
	defer cancel()
	server, err := broker.Reach(ctx, cfg.Broker, zerolog.Nop())
	d.judge("NATS", server, err, "compare broker.url, its credentials and its certificates with the server's; JetStream has to be on")
}

// writable makes and removes a file in a folder, or in the nearest one above it
// that is there: the gateway makes the rest.
func writable(folder string) error {
	for {
		if _, err := os.Stat(folder); err == nil || !errors.Is(err, os.ErrNotExist) || filepath.Dir(folder) == folder {
			break
		}
		folder = filepath.Dir(folder)
	}
	file, err := os.CreateTemp(folder, ".doctor-*")
	if err != nil {
		return err
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}

// examineGateway asks the running gateway, if there is one.
func (d *doctor) examineGateway(ctx context.Context, cfg *config) {
	server := baseOf(cmp.Or(d.server, reachable(cfg.ConsoleAddr)))
	ctx, cancel := context.WithTimeout(ctx, doctorLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/readyz", nil)
	if err != nil {
		d.add(gradeFail, "gateway", err.Error(), "--server: expected http://host:port")
		return
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		d.add(gradeWarn, "gateway", "no gateway answers at "+server, "start it with `gateway run`, or name its console.addr with --server")
		return
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		d.add(gradeFail, "gateway", server+" answers "+response.Status, "it takes no events now: its log and "+server+"/readyz say why")
		return
	}
	d.ok("gateway", "takes events; its console is "+server)
}
