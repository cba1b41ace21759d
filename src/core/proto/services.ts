import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { ClearCookiesRequest as _broker_v1_ClearCookiesRequest, ClearCookiesRequest__Output as _broker_v1_ClearCookiesRequest__Output } from './broker/v1/ClearCookiesRequest.ts';
import type { ClearCookiesResponse as _broker_v1_ClearCookiesResponse, ClearCookiesResponse__Output as _broker_v1_ClearCookiesResponse__Output } from './broker/v1/ClearCookiesResponse.ts';
import type { Cookie as _broker_v1_Cookie, Cookie__Output as _broker_v1_Cookie__Output } from './broker/v1/Cookie.ts';
import type { DeleteServiceRequest as _broker_v1_DeleteServiceRequest, DeleteServiceRequest__Output as _broker_v1_DeleteServiceRequest__Output } from './broker/v1/DeleteServiceRequest.ts';
import type { DeleteServiceResponse as _broker_v1_DeleteServiceResponse, DeleteServiceResponse__Output as _broker_v1_DeleteServiceResponse__Output } from './broker/v1/DeleteServiceResponse.ts';
import type { GetServiceRequest as _broker_v1_GetServiceRequest, GetServiceRequest__Output as _broker_v1_GetServiceRequest__Output } from './broker/v1/GetServiceRequest.ts';
import type { ListCookiesRequest as _broker_v1_ListCookiesRequest, ListCookiesRequest__Output as _broker_v1_ListCookiesRequest__Output } from './broker/v1/ListCookiesRequest.ts';
import type { ListCookiesResponse as _broker_v1_ListCookiesResponse, ListCookiesResponse__Output as _broker_v1_ListCookiesResponse__Output } from './broker/v1/ListCookiesResponse.ts';
import type { ListServicesRequest as _broker_v1_ListServicesRequest, ListServicesRequest__Output as _broker_v1_ListServicesRequest__Output } from './broker/v1/ListServicesRequest.ts';
import type { ListServicesResponse as _broker_v1_ListServicesResponse, ListServicesResponse__Output as _broker_v1_ListServicesResponse__Output } from './broker/v1/ListServicesResponse.ts';
import type { PutServiceRequest as _broker_v1_PutServiceRequest, PutServiceRequest__Output as _broker_v1_PutServiceRequest__Output } from './broker/v1/PutServiceRequest.ts';
import type { Service as _broker_v1_Service, Service__Output as _broker_v1_Service__Output } from './broker/v1/Service.ts';
import type { ServicePolicy as _broker_v1_ServicePolicy, ServicePolicy__Output as _broker_v1_ServicePolicy__Output } from './broker/v1/ServicePolicy.ts';
import type { ServicesClient as _broker_v1_ServicesClient, ServicesDefinition as _broker_v1_ServicesDefinition } from './broker/v1/Services.ts';
import type { SetServiceRequest as _broker_v1_SetServiceRequest, SetServiceRequest__Output as _broker_v1_SetServiceRequest__Output } from './broker/v1/SetServiceRequest.ts';
import type { TestServiceRequest as _broker_v1_TestServiceRequest, TestServiceRequest__Output as _broker_v1_TestServiceRequest__Output } from './broker/v1/TestServiceRequest.ts';
import type { TestServiceResponse as _broker_v1_TestServiceResponse, TestServiceResponse__Output as _broker_v1_TestServiceResponse__Output } from './broker/v1/TestServiceResponse.ts';
import type { TrustServiceRequest as _broker_v1_TrustServiceRequest, TrustServiceRequest__Output as _broker_v1_TrustServiceRequest__Output } from './broker/v1/TrustServiceRequest.ts';
import type { TrustServiceResponse as _broker_v1_TrustServiceResponse, TrustServiceResponse__Output as _broker_v1_TrustServiceResponse__Output } from './broker/v1/TrustServiceResponse.ts';
import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from './google/protobuf/Duration.ts';
import type { ListValue as _google_protobuf_ListValue, ListValue__Output as _google_protobuf_ListValue__Output } from './google/protobuf/ListValue.ts';
import type { Struct as _google_protobuf_Struct, Struct__Output as _google_protobuf_Struct__Output } from './google/protobuf/Struct.ts';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from './google/protobuf/Timestamp.ts';
import type { Value as _google_protobuf_Value, Value__Output as _google_protobuf_Value__Output } from './google/protobuf/Value.ts';

type SubtypeConstructor<Constructor extends new (...args: never[]) => unknown, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  broker: {
    v1: {
      ClearCookiesRequest: MessageTypeDefinition<_broker_v1_ClearCookiesRequest, _broker_v1_ClearCookiesRequest__Output>
      ClearCookiesResponse: MessageTypeDefinition<_broker_v1_ClearCookiesResponse, _broker_v1_ClearCookiesResponse__Output>
      Cookie: MessageTypeDefinition<_broker_v1_Cookie, _broker_v1_Cookie__Output>
      DeleteServiceRequest: MessageTypeDefinition<_broker_v1_DeleteServiceRequest, _broker_v1_DeleteServiceRequest__Output>
      DeleteServiceResponse: MessageTypeDefinition<_broker_v1_DeleteServiceResponse, _broker_v1_DeleteServiceResponse__Output>
      GetServiceRequest: MessageTypeDefinition<_broker_v1_GetServiceRequest, _broker_v1_GetServiceRequest__Output>
      ListCookiesRequest: MessageTypeDefinition<_broker_v1_ListCookiesRequest, _broker_v1_ListCookiesRequest__Output>
      ListCookiesResponse: MessageTypeDefinition<_broker_v1_ListCookiesResponse, _broker_v1_ListCookiesResponse__Output>
      ListServicesRequest: MessageTypeDefinition<_broker_v1_ListServicesRequest, _broker_v1_ListServicesRequest__Output>
      ListServicesResponse: MessageTypeDefinition<_broker_v1_ListServicesResponse, _broker_v1_ListServicesResponse__Output>
      PutServiceRequest: MessageTypeDefinition<_broker_v1_PutServiceRequest, _broker_v1_PutServiceRequest__Output>
      Service: MessageTypeDefinition<_broker_v1_Service, _broker_v1_Service__Output>
      ServicePolicy: MessageTypeDefinition<_broker_v1_ServicePolicy, _broker_v1_ServicePolicy__Output>
      Services: SubtypeConstructor<typeof grpc.Client, _broker_v1_ServicesClient> & { service: _broker_v1_ServicesDefinition }
      SetServiceRequest: MessageTypeDefinition<_broker_v1_SetServiceRequest, _broker_v1_SetServiceRequest__Output>
      TestServiceRequest: MessageTypeDefinition<_broker_v1_TestServiceRequest, _broker_v1_TestServiceRequest__Output>
      TestServiceResponse: MessageTypeDefinition<_broker_v1_TestServiceResponse, _broker_v1_TestServiceResponse__Output>
      TrustServiceRequest: MessageTypeDefinition<_broker_v1_TrustServiceRequest, _broker_v1_TrustServiceRequest__Output>
      TrustServiceResponse: MessageTypeDefinition<_broker_v1_TrustServiceResponse, _broker_v1_TrustServiceResponse__Output>
    }
  }
  google: {
    protobuf: {
      Duration: MessageTypeDefinition<_google_protobuf_Duration, _google_protobuf_Duration__Output>
      ListValue: MessageTypeDefinition<_google_protobuf_ListValue, _google_protobuf_ListValue__Output>
      NullValue: EnumTypeDefinition
      Struct: MessageTypeDefinition<_google_protobuf_Struct, _google_protobuf_Struct__Output>
      Timestamp: MessageTypeDefinition<_google_protobuf_Timestamp, _google_protobuf_Timestamp__Output>
      Value: MessageTypeDefinition<_google_protobuf_Value, _google_protobuf_Value__Output>
    }
  }
}

