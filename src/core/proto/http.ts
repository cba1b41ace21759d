import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { HttpClient as _broker_v1_HttpClient, HttpDefinition as _broker_v1_HttpDefinition } from './broker/v1/Http.ts';
import type { HttpHeader as _broker_v1_HttpHeader, HttpHeader__Output as _broker_v1_HttpHeader__Output } from './broker/v1/HttpHeader.ts';
import type { HttpRequest as _broker_v1_HttpRequest, HttpRequest__Output as _broker_v1_HttpRequest__Output } from './broker/v1/HttpRequest.ts';
import type { HttpRequestStart as _broker_v1_HttpRequestStart, HttpRequestStart__Output as _broker_v1_HttpRequestStart__Output } from './broker/v1/HttpRequestStart.ts';
import type { HttpResponse as _broker_v1_HttpResponse, HttpResponse__Output as _broker_v1_HttpResponse__Output } from './broker/v1/HttpResponse.ts';
import type { HttpResponseHead as _broker_v1_HttpResponseHead, HttpResponseHead__Output as _broker_v1_HttpResponseHead__Output } from './broker/v1/HttpResponseHead.ts';
import type { HttpTrailers as _broker_v1_HttpTrailers, HttpTrailers__Output as _broker_v1_HttpTrailers__Output } from './broker/v1/HttpTrailers.ts';

type SubtypeConstructor<Constructor extends new (...args: never[]) => unknown, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  broker: {
    v1: {
      Http: SubtypeConstructor<typeof grpc.Client, _broker_v1_HttpClient> & { service: _broker_v1_HttpDefinition }
      HttpHeader: MessageTypeDefinition<_broker_v1_HttpHeader, _broker_v1_HttpHeader__Output>
      HttpRequest: MessageTypeDefinition<_broker_v1_HttpRequest, _broker_v1_HttpRequest__Output>
      HttpRequestStart: MessageTypeDefinition<_broker_v1_HttpRequestStart, _broker_v1_HttpRequestStart__Output>
      HttpResponse: MessageTypeDefinition<_broker_v1_HttpResponse, _broker_v1_HttpResponse__Output>
      HttpResponseHead: MessageTypeDefinition<_broker_v1_HttpResponseHead, _broker_v1_HttpResponseHead__Output>
      HttpTrailers: MessageTypeDefinition<_broker_v1_HttpTrailers, _broker_v1_HttpTrailers__Output>
    }
  }
}

