// Shows the OpenAPI document in Swagger UI. A change that is tried out with the console's cookie carries its CSRF token.
"use strict";
const reader = document.getElementById("reader");
SwaggerUIBundle({
  url: reader.dataset.document,
  domNode: reader,
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  docExpansion: "list",
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  requestInterceptor: (request) => {
    request.headers["X-CSRFToken"] = reader.dataset.csrfToken;
    return request;
  },
});
