#!/usr/bin/env bash
# Starts Kafka from its jars with the settings of the environment, named as the published image names them:
# KAFKA_NODE_ID is node.id; two underscores are one, three a dash.
set -euo pipefail

properties=/tmp/server.properties
echo "log.dirs=/tmp/kraft-combined-logs" >"$properties"
for name in $(compgen -e KAFKA_); do
  [ "$name" = KAFKA_HEAP_OPTS ] && continue
  key=${name#KAFKA_}
  key=${key//___/-}
  key=${key//__/+}
  key=${key//_/.}
  key=${key//+/_}
  echo "${key,,}=${!name}" >>"$properties"
done

java=(java ${KAFKA_HEAP_OPTS:-} -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp '/opt/kafka/libs/*')
"${java[@]}" kafka.tools.StorageTool format --ignore-formatted --cluster-id "$CLUSTER_ID" --config "$properties"
exec "${java[@]}" kafka.Kafka "$properties"
