# The page on a machine without a GPU. docs/deploy.md says how to build and run it.
FROM python:3.11-slim

RUN useradd --create-home --uid 1000 visitor
WORKDIR /srv/forget-lens

# PyTorch's CPU build satisfies the same range and leaves gigabytes of CUDA libraries out.
COPY requirements.txt .
RUN pip install --no-cache-dir "torch>=2.11,<2.14" --index-url https://download.pytorch.org/whl/cpu \
    && pip install --no-cache-dir -r requirements.txt

COPY app.py ./
COPY app ./app
COPY attribution ./attribution
COPY unlearn ./unlearn
COPY assets ./assets

ARG COMMIT=unknown
ENV FORGET_LENS_COMMIT=$COMMIT \
    GRADIO_SERVER_NAME=0.0.0.0 \
    GRADIO_ANALYTICS_ENABLED=False \
    HF_HOME=/tmp/huggingface \
    PYTHONDONTWRITEBYTECODE=1
USER visitor
EXPOSE 7860
HEALTHCHECK --start-period=60s CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:7860/health', timeout=5)"]
# As the first process: it receives SIGTERM itself.
CMD ["python", "app.py"]
